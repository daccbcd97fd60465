//! The one shape of every OAuth error answer (RFC 6749 §5.2, RFC 8693 §2.2.2).

use axum::http::StatusCode;

use crate::domain::{DecisionId, Seconds};
use crate::limits::Limited;

/// The `error` codes that we send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OauthCode {
    /// RFC 6750 §3.1: the caller's access token does not allow this.
    InsufficientScope,
    /// RFC 9396 §5: no type of authorization details is known here.
    InvalidAuthorizationDetails,
    /// RFC 6749 §5.2: client authentication failed.
    InvalidClient,
    /// RFC 9449 §5: the proof is missing, bad, or of another key.
    InvalidDpopProof,
    /// RFC 7523 §3.1: the assertion that is the grant is bad or not accepted.
    InvalidGrant,
    /// RFC 6749 §5.2, and RFC 8693 §2.2.2 for every subject token that is bad or not accepted.
    InvalidRequest,
    /// RFC 6749 §5.2: the scope is malformed, unknown or beyond the grant.
    InvalidScope,
    /// RFC 8693 §2.2.2, RFC 8707 §2: no token for that target.
    InvalidTarget,
    /// RFC 6750 §3.1: the caller's access token is no good.
    InvalidToken,
    /// A fault of ours, with status 500. RFC 6749 §4.1.2.1 registers the code for the authorization endpoint only.
    ServerError,
    /// We cannot tell, with status 503. RFC 6749 §4.1.2.1 registers the code for the authorization endpoint only.
    TemporarilyUnavailable,
    /// RFC 6749 §5.2: the client is known, and gets nothing by this grant.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 9449 §8: the same request again, with the nonce of `DPoP-Nonce` in its proof.
    UseDpopNonce,
    /// RFC 7009 §2.2.1: tokens of this kind cannot be taken back by being shown.
    UnsupportedTokenType,
}

impl OauthCode {
    /// The value of `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::UnsupportedTokenType => "unsupported_token_type",
        }
    }
}

/// An OAuth error, before [`super::Answers::error`] writes it.
///
/// Invariant: `family` and `reason` are words of `docs/errors.md`; nothing of the request is in any field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OauthError {
    /// The HTTP status. 401 gets a `WWW-Authenticate` in any case, 405 says which method is allowed.
    pub status: StatusCode,
    /// The value of `error`.
    pub code: OauthCode,
    /// `malformed`, `rejected`, `denied`, `limited` or `unavailable`.
    pub family: &'static str,
    /// The stable reason; `error_uri` points at its heading.
    pub reason: &'static str,
    /// More for a caller who may know it: names of claims, a limit. Characters that RFC 6749 §5.2 forbids are replaced.
    pub detail: Option<Box<str>>,
    /// The decision, named in the description and in the header `Cambist-Decision`. In a box, as what is rare: an error is passed on often.
    pub decision: Option<Box<DecisionId>>,
    /// `Retry-After`.
    pub retry_after: Option<Seconds>,
    /// `WWW-Authenticate`; a 401 without one asks for HTTP Basic, the scheme of the token endpoint.
    pub challenge: Option<&'static str>,
    /// `RateLimit` and `RateLimit-Policy`.
    pub limited: Option<Box<Limited>>,
}

impl OauthError {
    /// An error without detail.
    #[must_use]
    pub fn new(status: StatusCode, code: OauthCode, family: &'static str, reason: &'static str) -> Self {
        debug_assert!([family, reason].iter().all(|word| is_word(word)), "not words of docs/errors.md: {family} {reason}");
        Self { status, code, family, reason, detail: None, decision: None, retry_after: None, challenge: None, limited: None }
    }

    /// The request is malformed: `invalid_request`.
    #[must_use]
    pub fn malformed(status: StatusCode, reason: &'static str) -> Self {
        Self::new(status, OauthCode::InvalidRequest, "malformed", reason)
    }

    /// A dependency, or ourselves, cannot answer now: 503, `temporarily_unavailable`, try again after `retry_after`.
    #[must_use]
    pub fn unavailable(reason: &'static str, retry_after: Seconds) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, OauthCode::TemporarilyUnavailable, "unavailable", reason);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// The caller asks for too much at once: 429 (RFC 6585 §4). OAuth has no code for it; the one that fits means: not now.
    #[must_use]
    pub fn limited(limited: Limited) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, OauthCode::TemporarilyUnavailable, "limited", limited.reason());
        Self { retry_after: Some(limited.retry_after), limited: Some(Box::new(limited)), ..error }
    }

    /// A fault of ours: 500.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, OauthCode::ServerError, "unavailable", "internal_error")
    }

    /// The same with a detail.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Box<str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The same, telling the caller how to authenticate.
    #[must_use]
    pub fn with_challenge(self, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    /// The same with the decision that it belongs to.
    #[must_use]
    pub fn with_decision(self, decision: DecisionId) -> Self {
        Self { decision: Some(Box::new(decision)), ..self }
    }

    /// The value of `error_description`: `denied: condition_failed (claims ref); decision 01JD…`.
    #[must_use]
    pub fn description(&self) -> String {
        let mut text = format!("{}: {}", self.family, self.reason);
        if let Some(detail) = &self.detail {
            text.push_str(" (");
            text.extend(detail.chars().take(MAX_DETAIL_CHARS).map(|character| if is_allowed(character) { character } else { '?' }));
            text.push(')');
        }
        if let Some(decision) = &self.decision {
            text.push_str("; decision ");
            text.push_str(&decision.to_string());
        }
        debug_assert!(text.chars().all(is_allowed), "RFC 6749 section 5.2 forbids a character of the description");
        text
    }
}

/// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
fn is_allowed(character: char) -> bool {
    matches!(character, ' '..='!' | '#'..='[' | ']'..='~')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Longest detail, in characters; claim names are the administrator's and may be long.
const MAX_DETAIL_CHARS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_only_the_characters_of_rfc_6749() {
        let error = OauthError::new(StatusCode::BAD_REQUEST, OauthCode::InvalidRequest, "denied", "condition_failed");
        for (detail, expected, why) in [
            ("claims ref", "denied: condition_failed (claims ref)", "nothing to replace"),
            ("claims \"é\\\n", "denied: condition_failed (claims ????)", "quote, non-ASCII, backslash, control"),
            ("!#[]~ ", "denied: condition_failed (!#[]~ )", "the edges of the allowed ranges"),
        ] {
            assert_eq!(error.clone().with_detail(detail).description(), expected, "{why}");
        }
    }

    #[test]
    fn a_detail_is_cut() {
        let long = OauthError::internal().with_detail("x".repeat(10_000)).description();
        assert_eq!(long.len(), "unavailable: internal_error ()".len() + MAX_DETAIL_CHARS);
    }
}
