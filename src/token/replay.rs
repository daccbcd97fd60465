//! How often one subject token may be exchanged, and what makes two presentations the same token.

use crate::domain::{Claims, Digest256};

use super::claims::token_id;

/// How often one token of an issuer may be exchanged. A property of the issuer, never of a relationship.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplayMode {
    /// Once. For issuers that mint a token on demand.
    Once,
    /// Once for each target. For issuers that hand out one token per job.
    OncePerTarget,
    /// Until it expires, bounded by `token_max_age`. For tokens that are files.
    Reusable,
}

impl ReplayMode {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::OncePerTarget => "once-per-target",
            Self::Reusable => "reusable",
        }
    }

    /// Reads the word of the configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Once, Self::OncePerTarget, Self::Reusable].into_iter().find(|mode| mode.name() == name)
    }
}

/// What identifies a token for the replay guard: the exact `iss` (for a SPIFFE issuer the trust domain) with its `jti`, else with
/// the SHA-256 of its signing input (`digest`).
///
/// Never the token string, because an ECDSA signature has a twin; never the issuer's registered name, because renaming an issuer
/// would forget what was spent. The two kinds are kept apart by a tag, and the parts by their length.
pub(super) fn identity(issuer: &str, claims: &Claims, digest: Digest256) -> Digest256 {
    let length = u64::try_from(issuer.len()).unwrap_or(u64::MAX).to_be_bytes();
    match token_id(claims).ok().flatten() {
        Some(id) => Digest256::of_parts(&[&length, issuer.as_bytes(), b"jti", id.as_bytes()]),
        None => Digest256::of_parts(&[&length, issuer.as_bytes(), b"sha", digest.as_bytes()]),
    }
}
