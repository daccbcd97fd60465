//! What came of a question, in the words of OAuth.

use axum::http::StatusCode;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::exchange::{Family, Unavailable};
use crate::http::token::retry_after;
use crate::http::{OauthCode, OauthError};
use crate::inspection::{BadAssertion, Introspected, Refused};
use crate::token::{RejectedProof, VerifiedToken};

/// RFC 6750 §3: asks for an access token, and says nothing else.
pub(super) const BEARER: &str = "Bearer realm=\"cambist\"";
/// RFC 6750 §3.1.
const INVALID_TOKEN: &str = "Bearer realm=\"cambist\", error=\"invalid_token\"";
/// RFC 6750 §3.1.
const INSUFFICIENT_SCOPE: &str = "Bearer realm=\"cambist\", error=\"insufficient_scope\", scope=\"introspect\"";

/// RFC 9449 §9.
const USE_NONCE: &str = "DPoP realm=\"cambist\", error=\"use_dpop_nonce\"";
/// RFC 9449 §7.1: with the algorithms that the metadata lists.
pub(super) const INVALID_PROOF: &str =
    "DPoP realm=\"cambist\", error=\"invalid_dpop_proof\", algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519\"";

/// The answer to a question (RFC 7662 §2.2).
pub(super) struct Told<'a>(pub(super) &'a Introspected);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match self.0 {
            Introspected::Inactive => members.serialize_entry("active", &false)?,
            Introspected::Active(token) => {
                members.serialize_entry("active", &true)?;
                for (name, value) in token.claims().iter().filter(|(name, _)| !OURS.contains(name)) {
                    members.serialize_entry(name, value)?;
                }
                members.serialize_entry("token_type", token_type(token))?;
            }
        }
        members.end()
    }
}

/// What the answer says of itself, and marks that mean something to us only.
const OURS: [&str; 3] = ["active", "rvk", "token_type"];

/// RFC 6749 §7.1; `DPoP` for a token that is bound to such a key (RFC 9449 §5).
fn token_type(token: &VerifiedToken) -> &'static str {
    if token.bond().key.is_some() { "DPoP" } else { "Bearer" }
}

/// Nobody says who asks (RFC 6750 §3.1: without an error code in the challenge).
pub(super) fn no_credentials() -> OauthError {
    let error = OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, Family::Malformed.name(), "credentials_missing");
    error.with_challenge(BEARER)
}

/// The one mapping from our families to OAuth's codes. No wildcard: a new variant must be placed here.
pub(super) fn oauth_error(refused: Refused) -> OauthError {
    let (family, reason) = (refused.family().name(), refused.reason());
    let error = |status, code| OauthError::new(status, code, family, reason);
    match refused {
        // One reason for all: whoever cannot sign as a client learns not even whether there is one of that name.
        Refused::Assertion(BadAssertion::Unproven(_)) => unproven(),
        Refused::Assertion(_) => error(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient).with_challenge(BEARER),
        Refused::CredentialsMissing => no_credentials(),
        Refused::Encrypted => error(StatusCode::BAD_REQUEST, OauthCode::UnsupportedTokenType),
        Refused::Limited(limited) => OauthError::limited(limited),
        Refused::Proof(RejectedProof::Nonce) => error(StatusCode::UNAUTHORIZED, OauthCode::UseDpopNonce).with_challenge(USE_NONCE),
        Refused::Proof(_) | Refused::ProofFenced | Refused::ProofReplayed => {
            error(StatusCode::UNAUTHORIZED, OauthCode::InvalidDpopProof).with_challenge(INVALID_PROOF)
        }
        Refused::Revoked | Refused::Token(_) => error(StatusCode::UNAUTHORIZED, OauthCode::InvalidToken).with_challenge(INVALID_TOKEN),
        Refused::ScopeMissing => error(StatusCode::FORBIDDEN, OauthCode::InsufficientScope).with_challenge(INSUFFICIENT_SCOPE),
        Refused::Unavailable(unavailable) => unavailable_error(unavailable),
    }
}

fn unproven() -> OauthError {
    let error = OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, Family::Rejected.name(), "client_unproven");
    error.with_challenge(BEARER)
}

fn unavailable_error(unavailable: Unavailable) -> OauthError {
    OauthError::unavailable(unavailable.reason(), retry_after())
}

#[cfg(test)]
mod tests {
    use super::super::super::proof::proof_algorithms;
    use super::*;

    #[test]
    fn the_challenge_lists_the_algorithms_of_the_metadata() {
        let listed: Vec<_> = proof_algorithms().collect();
        assert!(INVALID_PROOF.ends_with(&format!(", algs=\"{}\"", listed.join(" "))), "{INVALID_PROOF}");
    }
}
