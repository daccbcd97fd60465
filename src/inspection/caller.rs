//! Who asks.

use std::net::IpAddr;

use crate::domain::{SubjectToken, Thumbprint, Timestamp};
use crate::exchange::Unavailable;
use crate::release::replay::{SpendError, after_fence};
use crate::revocation::NotCleared;
use crate::token::{
    ProofExpectations, ProofText, ProvenKeys, RejectedProof, RejectedToken, Shown, UnverifiedToken, VerifiedProof, VerifiedToken,
    verify_proof,
};

use super::assertion::{authenticate, use_up};
use super::service::Inspection;
use super::{BadAssertion, ClientAssertion, Refused};

/// The scope that an access token for us needs, to ask about others.
pub const INTROSPECT_SCOPE: &str = "introspect";

/// What a request shows of who sends it.
#[derive(Debug)]
pub enum Credentials {
    /// An assertion of a registered client.
    Assertion(ClientAssertion),
    /// An access token of ours whose audience is our own issuer.
    AccessToken(AccessToken),
}

/// An access token that a request is sent with (RFC 6750 §2.1).
#[derive(Debug)]
pub struct AccessToken {
    /// The token.
    pub token: SubjectToken,
    /// The proof that came with it, where the scheme says that there is one (RFC 9449 §7.1).
    pub proof: Option<ProofText>,
    /// The URL of ours that it was sent to: what the proof must be about.
    pub url: String,
    /// The client certificate of the connection.
    pub certificate: Option<Thumbprint>,
}

/// Somebody whose name was proven: a relationship that got a token for us, or a registered client. They share no names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller(Box<str>);

impl Caller {
    /// The name of the relationship or client.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Inspection {
    /// Who sends this. An assertion is used up by it.
    pub(super) async fn caller(&self, credentials: Credentials, peer: Option<IpAddr>, now: Timestamp) -> Result<Caller, Refused> {
        match credentials {
            Credentials::Assertion(assertion) => self.client(assertion, peer, now).await,
            Credentials::AccessToken(shown) => self.bearer(shown, now).await,
        }
    }

    /// Failures are counted, and too many are told so instead.
    async fn client(&self, assertion: ClientAssertion, peer: Option<IpAddr>, now: Timestamp) -> Result<Caller, Refused> {
        let authenticated = match authenticate(&self.edges.clients, assertion, now).await {
            Ok(token) => {
                // Judged last: using it up takes a while.
                let used_up = use_up(&self.edges.guard, &token, &self.audience, now).await;
                used_up.and_then(|()| self.admits_client(&token, now)).map(|()| token)
            }
            Err(refused) => Err(refused),
        };
        match authenticated {
            Ok(token) => Ok(Caller(token.issuer().into())),
            Err(refused @ Refused::Assertion(_)) => {
                self.edges.limits.note_failure(peer).map_err(Refused::Limited)?;
                Err(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    fn admits_client(&self, assertion: &VerifiedToken, now: Timestamp) -> Result<(), Refused> {
        self.edges.revocations.admits_client(assertion, now).map_err(|not_cleared| match not_cleared {
            NotCleared::Revoked { .. } => Refused::Assertion(BadAssertion::Revoked),
            NotCleared::Stale => Refused::Unavailable(Unavailable::Revocations),
        })
    }

    async fn bearer(&self, shown: AccessToken, now: Timestamp) -> Result<Caller, Refused> {
        let unverified = UnverifiedToken::parse(&shown.token)?;
        self.are_keys_current()?;
        let proof = self.proof(&shown, now).map_err(Refused::Proof)?;
        let proven = ProvenKeys { key: proof.as_ref().map(VerifiedProof::key), certificate: shown.certificate };
        let trust = self.edges.trust.load_full();
        let token = self.edges.own.verify(unverified, &trust.policy, Shown::ByHolder(proven), now)?;
        if proof.is_some() && token.bond().key.is_none() {
            // Whoever stole it could have made the proof.
            return Err(Refused::Token(RejectedToken::PopMismatch));
        }
        if token.claims().text("aud") != Some(self.audience.as_str()) {
            return Err(Refused::Token(RejectedToken::AudienceMismatch));
        }
        if !self.stands(&token, now)? {
            return Err(Refused::Revoked);
        }
        if !has_scope(&token, INTROSPECT_SCOPE) {
            return Err(Refused::ScopeMissing);
        }
        if let Some(proof) = proof {
            self.use_up_proof(&proof, now).await?;
        }
        let name = token.claims().text("client_id").ok_or(Refused::ScopeMissing)?;
        Ok(Caller(name.into()))
    }

    /// A proof is good for one request (RFC 9449 §11.1).
    async fn use_up_proof(&self, proof: &VerifiedProof, now: Timestamp) -> Result<(), Refused> {
        self.edges.guard.spend_alone(proof, &self.audience).await.map_err(|error| match error {
            SpendError::Replayed { .. } => Refused::ProofReplayed,
            SpendError::Fenced { until } => Refused::ProofFenced { retry_after: after_fence(until, now) },
            SpendError::Expired => Refused::Proof(RejectedProof::IssuedAt),
            SpendError::ClockOffset { .. } => Refused::Unavailable(Unavailable::ClockOffset),
            SpendError::Unavailable(error) => Refused::Unavailable(Unavailable::Store(error.trouble())),
        })
    }

    fn proof(&self, shown: &AccessToken, now: Timestamp) -> Result<Option<VerifiedProof>, RejectedProof> {
        let Some(proof) = &shown.proof else { return Ok(None) };
        let ring = self.edges.keys.ring();
        let nonce = ring.nonce_rule(self.edges.nonce).map_err(|_| RejectedProof::Nonce)?;
        let expected = ProofExpectations { method: "POST", url: &shown.url, access_token: Some(shown.token.reveal()), nonce };
        verify_proof(proof, &expected, now).map(Some)
    }
}

fn has_scope(token: &VerifiedToken, scope: &str) -> bool {
    token.claims().text("scope").is_some_and(|scopes| scopes.split(' ').any(|one| one == scope))
}
