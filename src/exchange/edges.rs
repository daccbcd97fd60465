//! What the conductor works with, and what it gives.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::{Clock, DecisionId, Digest256, IssuerName, IssuerUrl, TargetName, Timestamp};
use crate::issuers::Issuers;
use crate::limits::Limits;
use crate::policy::TrustPolicy;
use crate::release::issuance::Keys;
use crate::release::own::OwnTokens;
use crate::release::record::{DecisionLog, IssuedToken};
use crate::release::replay::{OpaqueTokens, ReplayGuard};
use crate::revocation::Revocations;
use crate::token::{ProofExpectations, RejectedProof, VerifiedProof, verify_proof};

use super::refusal::Refusal;
use super::request::{GrantType, SentProof};

/// The trust that exchanges are decided by. Replaced as a whole by a reload.
#[derive(Debug)]
pub struct TrustState {
    /// Relationships and targets.
    pub policy: TrustPolicy,
    /// SHA-256 of the compiled trust.
    pub version: Digest256,
}

/// What the conductor works with.
pub struct ExchangeEdges {
    /// `iss` of the tokens we issue.
    pub issuer: IssuerUrl,
    /// The clock; read once per request.
    pub clock: Arc<dyn Clock>,
    /// The trusted issuers.
    pub issuers: Arc<Issuers>,
    /// The trust that decides.
    pub trust: Arc<ArcSwap<TrustState>>,
    /// What was taken back.
    pub revocations: Arc<Revocations>,
    /// How much one caller may ask for.
    pub limits: Arc<Limits>,
    /// The key ring.
    pub keys: Arc<Keys>,
    /// Our own tokens, when they come back to be narrowed.
    pub own: Arc<OwnTokens>,
    /// What handles of ours stand for.
    pub opaque: OpaqueTokens,
    /// Whether each DPoP proof must hold a nonce of ours (RFC 9449 §8).
    pub nonce: bool,
    /// The replay guard.
    pub guard: Arc<ReplayGuard>,
    /// The decision log.
    pub log: DecisionLog,
    /// Told of every exchange, after it is over.
    pub observe: Box<dyn Fn(&Observed<'_>) + Send + Sync>,
}

/// What an exchange came to, for metrics.
pub struct Observed<'a> {
    /// By which grant, when it is one of ours.
    pub grant: Option<GrantType>,
    /// The issuer, when it is registered.
    pub issuer: Option<&'a IssuerName>,
    /// The target, when it is registered and known to be meant.
    pub target: Option<&'a TargetName>,
    /// `issued`, or the family of failure.
    pub outcome: &'static str,
    /// The stable reason; empty for `issued`.
    pub reason: &'static str,
    /// From the first byte of the form to the answer.
    pub latency: Duration,
}

/// What the caller gets: always with the id under which everything stands in the decision log.
#[derive(Debug)]
pub struct Answer {
    /// The decision id.
    pub decision: DecisionId,
    /// By which grant: it decides about the words of a refusal (RFC 8693 §2.2.2, RFC 7523 §3.1, RFC 6749 §5.2).
    pub grant: Option<GrantType>,
    /// For the next proof, where proofs need one and this request was about proofs.
    pub nonce: Option<String>,
    /// The token, or why there is none.
    pub result: Result<IssuedToken, Refusal>,
}

impl ExchangeEdges {
    /// Verifies the DPoP proof of a request, when there is one.
    pub(super) fn proof(&self, sent: Option<&SentProof>, now: Timestamp) -> Result<Option<VerifiedProof>, RejectedProof> {
        let Some(sent) = sent else { return Ok(None) };
        let ring = self.keys.ring();
        let nonce = ring.nonce_rule(self.nonce).map_err(|_| RejectedProof::Nonce)?;
        let expected = ProofExpectations { method: "POST", url: &sent.url, access_token: None, nonce };
        verify_proof(&sent.text, &expected, now).map(Some)
    }

    /// The nonce for the next proof, where proofs need one.
    pub(super) fn nonce(&self, wanted: bool) -> Option<String> {
        if wanted { self.keys.ring().next_nonce(self.nonce, self.clock.now()) } else { None }
    }
}
