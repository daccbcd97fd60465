//! The two use cases: to be told about a token, and to take one back.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::{Audience, Clock, IssuerUrl, SubjectToken, Timestamp};
use crate::exchange::{TrustState, Unavailable};
use crate::issuers::Clients;
use crate::limits::Limits;
use crate::policy::TrustPolicy;
use crate::release::issuance::Keys;
use crate::release::own::OwnTokens;
use crate::release::record::{DecisionLog, TakenBack};
use crate::release::replay::{OpaqueTokens, ReplayGuard};
use crate::revocation::{NotCleared, Revocations};
use crate::token::{RejectedToken, Shown, UnverifiedToken, VerifiedToken};

use super::{Caller, Credentials, Refused};

/// What the use cases work with.
pub struct InspectionEdges {
    /// The clock; read once per request.
    pub clock: Arc<dyn Clock>,
    /// The registered clients.
    pub clients: Arc<Clients>,
    /// Uses assertions up.
    pub guard: Arc<ReplayGuard>,
    /// The key ring: nonces for proofs are made of it.
    pub keys: Arc<Keys>,
    /// Whether a proof must hold a nonce of ours (RFC 9449 §9).
    pub nonce: bool,
    /// Counts failed authentications, and what holders end.
    pub limits: Arc<Limits>,
    /// Records what is taken back.
    pub log: DecisionLog,
    /// Tells our tokens from everything else.
    pub own: Arc<OwnTokens>,
    /// What opaque tokens stand for.
    pub opaque: OpaqueTokens,
    /// What was taken back.
    pub revocations: Arc<Revocations>,
    /// The trust of today.
    pub trust: Arc<ArcSwap<TrustState>>,
}

/// Answers questions about our tokens, and takes them back.
pub struct Inspection {
    pub(super) edges: InspectionEdges,
    /// Whom access tokens and assertions of callers are for: us.
    pub(super) audience: Audience,
}

/// What a caller is told of a token (RFC 7662 §2.2).
#[derive(Debug)]
pub enum Introspected {
    /// It is good, and for a target that names the caller.
    Active(Box<VerifiedToken>),
    /// It is not, for whatever reason: a caller that may not know it learns no more than of one that never was.
    Inactive,
}

/// What became of a token that was to be taken back (RFC 7009 §2.2). The caller is told no difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Revoked {
    /// It counts for nothing from now on.
    Now,
    /// It counted for nothing before, is none of ours, or is another's.
    Nothing,
}

impl Inspection {
    /// For the issuer `own_issuer`.
    #[must_use]
    pub fn new(own_issuer: &IssuerUrl, edges: InspectionEdges) -> Self {
        Self { edges, audience: Audience::from(own_issuer) }
    }

    /// Tells an authenticated caller about a token that is for a target which names it.
    ///
    /// # Errors
    /// When the caller is nobody who may ask at all, or when nobody can tell: then never that the token is good.
    pub async fn introspect(
        &self,
        credentials: Option<Credentials>,
        token: SubjectToken,
        peer: Option<IpAddr>,
    ) -> Result<Introspected, Refused> {
        let now = self.edges.clock.now();
        let caller = self.caller(credentials.ok_or(Refused::CredentialsMissing)?, peer, now).await?;
        let policy = self.edges.trust.load_full();
        match self.understood(token, &policy.policy, now).await? {
            Ok(token) if may_know(&caller, &token, &policy.policy) && self.stands(&token, now)? => {
                Ok(Introspected::Active(Box::new(token)))
            }
            Ok(_) | Err(_) => Ok(Introspected::Inactive),
        }
    }

    /// Takes a token back. Holding it is enough, also one that is bound to a key: taking it back harms nobody but its holder. A caller that
    /// authenticates is held to who it is: another's token stays as it is, and the caller is not told that it means something. Recorded, as far as
    /// that is possible: a log that cannot be written keeps no token alive.
    ///
    /// # Errors
    /// When the caller authenticates and fails; when the token is encrypted; or when it cannot be taken back now.
    pub async fn revoke(&self, credentials: Option<Credentials>, token: SubjectToken, peer: Option<IpAddr>) -> Result<Revoked, Refused> {
        let now = self.edges.clock.now();
        let caller = match credentials {
            Some(credentials) => Some(self.caller(credentials, peer, now).await?),
            None => None,
        };
        let policy = self.edges.trust.load_full();
        let token = match self.understood(token, &policy.policy, now).await? {
            Ok(token) => token,
            Err(RejectedToken::Encrypted) => return Err(Refused::Encrypted),
            Err(_) => return Ok(Revoked::Nothing),
        };
        if let Some(caller) = &caller {
            let own = token.claims().text("client_id") == Some(caller.name());
            if !own && !may_know(caller, &token, &policy.policy) {
                return Ok(Revoked::Nothing);
            }
        }
        self.take_back(TakenBack { token: &token, caller: caller.as_ref().map(Caller::name), peer }).await
    }

    /// The nonce for the next proof, where proofs need one.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        self.edges.keys.ring().next_nonce(self.edges.nonce, self.edges.clock.now())
    }

    /// The token, or what it stands for, as one of ours, or why it is none. Who shows it holds no key of it, and gets nothing for it.
    async fn understood(
        &self,
        token: SubjectToken,
        policy: &TrustPolicy,
        now: Timestamp,
    ) -> Result<Result<VerifiedToken, RejectedToken>, Refused> {
        self.are_keys_current()?;
        let resolved = self.edges.opaque.resolve(token.reveal()).await;
        let resolved = resolved.map_err(|error| Refused::Unavailable(Unavailable::Store(error.trouble())))?;
        let token = resolved.unwrap_or(token);
        let verified = UnverifiedToken::parse(&token).and_then(|token| self.edges.own.verify(token, policy, Shown::ByInspector, now));
        Ok(verified)
    }

    /// Whether nobody took it back.
    pub(super) fn stands(&self, token: &VerifiedToken, now: Timestamp) -> Result<bool, Refused> {
        match self.edges.revocations.stands(token, now) {
            Ok(()) => Ok(true),
            Err(NotCleared::Revoked { .. }) => Ok(false),
            Err(NotCleared::Stale) => Err(Refused::Unavailable(Unavailable::Revocations)),
        }
    }

    async fn take_back(&self, shown: TakenBack<'_>) -> Result<Revoked, Refused> {
        let (token, known) = (shown.token, self.edges.revocations.has_ended(shown.token));
        if !known {
            let said = |name| token.claims().text(name).unwrap_or_default();
            self.edges.limits.admit_revocation(said("sub"), said("client_id")).map_err(Refused::Limited)?;
        }
        let done = self.edges.revocations.revoke_token(token).await;
        done.map_err(|error| Refused::Unavailable(Unavailable::Store(error.trouble())))?;
        // Once, however often it is shown.
        if !known && self.edges.log.taken_back(shown).await.is_err() {
            tracing::error!(revocation.jti = token.token_id(), "a token was taken back, and the decision log could not record it");
        }
        Ok(Revoked::Now)
    }

    /// A key that we publish here may have been dropped elsewhere.
    pub(super) fn are_keys_current(&self) -> Result<(), Refused> {
        self.edges.own.are_current().map_err(|_| Refused::Unavailable(Unavailable::Signing))
    }
}

/// Whether the token's target names the caller.
fn may_know(caller: &Caller, token: &VerifiedToken, policy: &TrustPolicy) -> bool {
    let target = token.claims().text("aud").and_then(|audience| policy.target(audience));
    target.is_some_and(|target| target.introspection.iter().any(|name| **name == *caller.name()))
}
