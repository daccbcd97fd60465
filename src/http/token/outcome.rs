//! What an exchange came to, in the words of OAuth.

use axum::http::StatusCode;
use serde::Serialize;

use crate::domain::{Seconds, random_bytes};
use crate::exchange::{GrantType, Malformed, Refusal};
use crate::http::{OauthCode, OauthError, proof_error};
use crate::policy::{Binding, Denial};
use crate::release::issuance::Spent;
use crate::release::record::IssuedToken;
use crate::token::RejectedToken;

/// The longest time until a client should try again after a 503. Each is told another, so that not all of them come back at once.
const LONGEST_RETRY_AFTER: u64 = 5;

/// Bytes of a successful answer beside the token and its scopes, at most.
const OTHER_BYTES: usize = 256;

/// The successful answer (RFC 6749 §5.1, RFC 8693 §2.2.1).
#[derive(Serialize)]
pub(super) struct Success<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl<'a> Success<'a> {
    /// Only token exchange says what kind of token it issued: in other grants there is one kind.
    pub(super) fn of(issued: &'a IssuedToken, grant: Option<GrantType>) -> Self {
        let exchange = grant == Some(GrantType::TokenExchange);
        Self {
            access_token: issued.reveal(),
            issued_token_type: exchange.then_some(issued.kind().issued_token_type()),
            token_type: issued.kind().token_type(),
            expires_in: issued.expires_in().0,
            scope: issued.scopes().to_string(),
        }
    }

    /// The same where the scope that was asked stands for the whole grant, and all of it was granted: what is identical may be left out
    /// (RFC 6749 §5.1). Microsoft's SDKs find a token again by the scope that they asked for, and would keep this one under another.
    pub(super) fn of_default_scope(issued: &'a IssuedToken, grant: Option<GrantType>) -> Self {
        Self { scope: String::new(), ..Self::of(issued, grant) }
    }

    /// The body, put together without leaving copies of the token behind.
    pub(super) fn json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(self.access_token.len() + self.scope.len() + OTHER_BYTES);
        serde_json::to_writer(&mut json, self)?;
        Ok(json)
    }
}

/// The one mapping from our families to OAuth's codes. No wildcard: a new variant must be placed here.
pub(super) fn oauth_error(refusal: &Refusal, grant: Option<GrantType>) -> OauthError {
    let code = match refusal {
        Refusal::Malformed(malformed) => of_malformed(*malformed, grant),
        Refusal::Proof(rejected) => return proof_error(*rejected),
        Refusal::Rejected(RejectedToken::PopMismatch)
        | Refusal::RejectedActor(RejectedToken::PopMismatch)
        | Refusal::Replayed { what: Spent::Proof }
        | Refusal::Fenced { what: Spent::Proof, .. } => OauthCode::InvalidDpopProof,
        // The client is known, and what it may have was taken back.
        Refusal::Revoked { .. } if grant == Some(GrantType::ClientCredentials) => OauthCode::UnauthorizedClient,
        Refusal::Rejected(_) | Refusal::RejectedActor(_) | Refusal::Replayed { .. } | Refusal::Fenced { .. } | Refusal::Revoked { .. } => {
            of_bad_token(grant)
        }
        Refusal::Denied(denial) => of_denial(denial, grant),
        Refusal::Limited(limited) => return OauthError::limited(*limited),
        Refusal::Unavailable(unavailable) => return OauthError::unavailable(unavailable.reason(), retry_after()),
    };
    let error = OauthError::new(status(code), code, refusal.family().name(), refusal.reason());
    let error = OauthError { retry_after: refusal.retry_after(), ..error };
    match refusal.detail() {
        Some(detail) => error.with_detail(detail),
        None => error,
    }
}

/// A token that is bad or not accepted: `invalid_request` in a token exchange (RFC 8693 §2.2.2), `invalid_grant` where it is the grant
/// (RFC 7523 §3.1), `invalid_client` where it authenticates a client (RFC 7523 §3.2).
const fn of_bad_token(grant: Option<GrantType>) -> OauthCode {
    match grant {
        None | Some(GrantType::TokenExchange) => OauthCode::InvalidRequest,
        Some(GrantType::JwtBearer) => OauthCode::InvalidGrant,
        Some(GrantType::ClientCredentials) => OauthCode::InvalidClient,
    }
}

fn of_malformed(malformed: Malformed, grant: Option<GrantType>) -> OauthCode {
    match malformed {
        Malformed::GrantTypeUnsupported => OauthCode::UnsupportedGrantType,
        Malformed::DefaultScope | Malformed::Scope => OauthCode::InvalidScope,
        Malformed::SeveralTargets | Malformed::Target => OauthCode::InvalidTarget,
        // We know none of their types (RFC 9396 §5).
        Malformed::ParameterUnsupported("authorization_details") => OauthCode::InvalidAuthorizationDetails,
        // RFC 7521 §4.2.1; and without any assertion nobody has authenticated (RFC 6749 §4.4.2).
        Malformed::AssertionType => OauthCode::InvalidClient,
        Malformed::ParameterMissing("client_assertion") if grant == Some(GrantType::ClientCredentials) => OauthCode::InvalidClient,
        Malformed::ActorUnused
        | Malformed::GrantTypeMissing
        | Malformed::Lifetime
        | Malformed::ParameterMissing(_)
        | Malformed::ParameterUnsupported(_)
        | Malformed::RequestedTokenType
        | Malformed::TokenType => OauthCode::InvalidRequest,
    }
}

fn of_denial(denial: &Denial, grant: Option<GrantType>) -> OauthCode {
    match denial {
        Denial::Scope { .. } => OauthCode::InvalidScope,
        Denial::Target { .. } => OauthCode::InvalidTarget,
        // RFC 9449 §5 leaves the code for a proof that is missing to us.
        Denial::Binding { wanted: Binding::Dpop, .. } => OauthCode::InvalidDpopProof,
        Denial::Binding { .. } => OauthCode::InvalidRequest,
        Denial::Condition(_) | Denial::NoRelationship { .. } => of_bad_token(grant),
        Denial::ActorDepth { .. }
        | Denial::ActorFailed(_)
        | Denial::ActorRequired { .. }
        | Denial::ActorUnused { .. }
        | Denial::Ambiguous { .. }
        | Denial::Lifetime { .. }
        | Denial::LineLength { .. }
        | Denial::MayAct { .. }
        | Denial::NotNarrowed { .. } => match grant {
            // The client is known, and it gets nothing by this grant (RFC 6749 §5.2).
            Some(GrantType::ClientCredentials) => OauthCode::UnauthorizedClient,
            None | Some(GrantType::JwtBearer | GrantType::TokenExchange) => of_bad_token(grant),
        },
    }
}

/// 400, but for a client that did not authenticate (RFC 6749 §5.2).
const fn status(code: OauthCode) -> StatusCode {
    if matches!(code, OauthCode::InvalidClient) { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST }
}

/// Between one second and [`LONGEST_RETRY_AFTER`].
pub(in crate::http) fn retry_after() -> Seconds {
    let [byte] = random_bytes();
    Seconds(1 + u64::from(byte) % LONGEST_RETRY_AFTER)
}
