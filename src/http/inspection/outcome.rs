//! What came of a question, in the words of OAuth.

use axum::http::StatusCode;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::exchange::{Family, Unavailable};
use crate::http::token::retry_after;
use crate::http::{OauthCode, OauthError};
use crate::inspection::{BadAssertion, Introspected, Refused};
use crate::token::{RejectedProof, RejectedToken, VerifiedToken};

/// RFC 9449 §7.1: the algorithms that the metadata lists.
macro_rules! algorithms {
    () => {
        "algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519\""
    };
}

/// RFC 6750 §3: asks for an access token, and says nothing else.
pub(super) const BEARER: &str = "Bearer realm=\"cambist\"";
/// Both ways to show one.
const EITHER: &str = concat!("Bearer realm=\"cambist\", DPoP realm=\"cambist\", ", algorithms!());
/// The same to a client that has tried Basic, which must stand there then (RFC 6749 §5.2).
const BASIC_OR_EITHER: &str = concat!("Basic realm=\"cambist\", Bearer realm=\"cambist\", DPoP realm=\"cambist\", ", algorithms!());
/// RFC 9449 §9.
const USE_NONCE: &str = concat!("DPoP realm=\"cambist\", error=\"use_dpop_nonce\", ", algorithms!());
/// RFC 9449 §7.1.
pub(super) const INVALID_PROOF: &str = concat!("DPoP realm=\"cambist\", error=\"invalid_dpop_proof\", ", algorithms!());

/// How an access token was shown: the challenge speaks of the same scheme (RFC 6750 §3.1, RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    fn invalid_token(self, why: Option<RejectedToken>) -> &'static str {
        match (self, why) {
            // A bound token is no bearer token.
            (Self::Bearer, Some(RejectedToken::PopRequired)) => {
                concat!("Bearer realm=\"cambist\", error=\"invalid_token\", DPoP realm=\"cambist\", ", algorithms!())
            }
            (Self::Bearer, _) => "Bearer realm=\"cambist\", error=\"invalid_token\"",
            (Self::Dpop, _) => concat!("DPoP realm=\"cambist\", error=\"invalid_token\", ", algorithms!()),
        }
    }

    fn insufficient_scope(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer realm=\"cambist\", error=\"insufficient_scope\", scope=\"introspect\"",
            Self::Dpop => concat!("DPoP realm=\"cambist\", error=\"insufficient_scope\", scope=\"introspect\", ", algorithms!()),
        }
    }
}

/// What a challenge must know of the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    /// How an access token was shown, if one was.
    pub(super) scheme: Scheme,
    /// Whether it came with HTTP Basic, by which nobody can authenticate here.
    pub(super) tried_basic: bool,
}

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
pub(super) fn no_credentials(tried_basic: bool) -> OauthError {
    let error = OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, Family::Malformed.name(), "credentials_missing");
    error.with_challenge(if tried_basic { BASIC_OR_EITHER } else { EITHER })
}

/// The one mapping from our families to OAuth's codes. No wildcard: a new variant must be placed here.
pub(super) fn oauth_error(refused: Refused, asked: Asked) -> OauthError {
    let (family, reason) = (refused.family().name(), refused.reason());
    let error = |status, code| OauthError::new(status, code, family, reason);
    match refused {
        // One reason for all: whoever cannot sign as a client learns not even whether there is one of that name.
        Refused::Assertion(BadAssertion::Unproven(_)) => unproven(),
        Refused::Assertion(_) => error(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient).with_challenge(BEARER),
        Refused::AssertionFenced { retry_after } | Refused::ProofFenced { retry_after } => OauthError::unavailable(reason, retry_after),
        Refused::CredentialsMissing => no_credentials(asked.tried_basic),
        Refused::Encrypted => error(StatusCode::BAD_REQUEST, OauthCode::UnsupportedTokenType),
        Refused::Limited(limited) => OauthError::limited(limited),
        Refused::Proof(RejectedProof::Nonce) => error(StatusCode::UNAUTHORIZED, OauthCode::UseDpopNonce).with_challenge(USE_NONCE),
        Refused::Proof(_) | Refused::ProofReplayed => {
            error(StatusCode::UNAUTHORIZED, OauthCode::InvalidDpopProof).with_challenge(INVALID_PROOF)
        }
        Refused::Revoked => error(StatusCode::UNAUTHORIZED, OauthCode::InvalidToken).with_challenge(asked.scheme.invalid_token(None)),
        Refused::Token(why) => {
            error(StatusCode::UNAUTHORIZED, OauthCode::InvalidToken).with_challenge(asked.scheme.invalid_token(Some(why)))
        }
        Refused::ScopeMissing => {
            error(StatusCode::FORBIDDEN, OauthCode::InsufficientScope).with_challenge(asked.scheme.insufficient_scope())
        }
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
