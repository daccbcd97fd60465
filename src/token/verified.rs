//! Evidence that a token was verified.

use crate::domain::{Claims, Digest256, IssuerName, Timestamp};

use super::bond::Bond;
use super::claims::token_id;
use super::verify::{Expectations, Found, Times};
use super::{ReplayMode, UnverifiedToken, replay};

/// A subject token whose signature, audience and times were found good at one instant. Only [`super::verify()`] makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    bond: Bond,
    claims: Claims,
    digest: Digest256,
    identity: Digest256,
    issuer: Box<str>,
    issuer_name: IssuerName,
    key_id: Option<Box<str>>,
    replay: ReplayMode,
    subject: Box<str>,
    times: Times,
}

impl VerifiedToken {
    pub(super) fn new(token: UnverifiedToken, found: Found, expected: &Expectations) -> Self {
        let Found { times, issuer, subject, bond, key_id } = found;
        let digest = token.digest();
        Self {
            bond,
            key_id,
            digest,
            identity: replay::identity(&issuer, &token.claims, digest),
            issuer,
            issuer_name: expected.issuer.clone(),
            replay: expected.replay,
            claims: token.claims,
            subject,
            times,
        }
    }

    /// The name under which its issuer is registered.
    #[must_use]
    pub fn issuer_name(&self) -> &IssuerName {
        &self.issuer_name
    }

    /// Whether we issued it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.issuer_name.is_own()
    }

    /// The `kid` of the key that signed it, as its issuer publishes it. The token itself may leave it out.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The keys it is bound to; its presenter has proven them, unless it was shown by an inspector.
    #[must_use]
    pub fn bond(&self) -> Bond {
        self.bond
    }

    /// How often it may be exchanged.
    #[must_use]
    pub fn replay_mode(&self) -> ReplayMode {
        self.replay
    }

    /// What makes two presentations the same token; see [`ReplayMode`].
    #[must_use]
    pub fn replay_identity(&self) -> Digest256 {
        self.identity
    }

    /// The exact `iss`; for a SPIFFE issuer its trust domain, as `spiffe://acme.example`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The subject by the issuer's rule: `sub`, or `repository_id=821093847`. Without the issuer's name in front.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// SHA-256 of the signing input.
    #[must_use]
    pub fn digest(&self) -> Digest256 {
        self.digest
    }

    /// `jti`, when there is one.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        token_id(&self.claims).ok().flatten()
    }

    /// `exp`, rounded down.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.times.expires_at
    }

    /// `iat`, rounded up. Always there for issuers whose tokens are spent.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.times.issued_at
    }

    /// `exp + leeway`: from this instant on the token is expired for us.
    #[must_use]
    pub fn refused_from(&self) -> Timestamp {
        self.times.refused_from
    }
}
