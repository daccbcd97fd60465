//! The `Authorization` header of the token endpoint.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::form::decode;
use super::{OauthCode, OauthError};

/// Reads the client that HTTP Basic names: the user, with an empty password. It identifies and proves nothing.
///
/// User and password are form-decoded after base64 (RFC 6749 §2.3.1). `None` without the header, or with an empty user.
pub fn client_hint(headers: &HeaderMap) -> Result<Option<String>, AuthorizationError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthorizationError::Repeated);
    }
    let (scheme, credentials) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(AuthorizationError::Unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(AuthorizationError::Scheme);
    }
    let decoded = STANDARD.decode(credentials.trim_matches(' ')).map_err(|_| AuthorizationError::Unreadable)?;
    let decoded = Zeroizing::new(decoded);
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or(AuthorizationError::Unreadable)?;
    if colon + 1 < decoded.len() {
        return Err(AuthorizationError::Password);
    }
    let mut user = decode(&decoded[..colon]).map_err(|_| AuthorizationError::Unreadable)?;
    Ok(Some(std::mem::take(&mut *user)).filter(|user| !user.is_empty()))
}

/// Why an `Authorization` header is refused. Says nothing of what it held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthorizationError {
    /// It has a password, and we keep none: there is no secret that could be right.
    #[error("the Authorization header has a password")]
    Password,
    /// It stands twice.
    #[error("there are two Authorization headers")]
    Repeated,
    /// Another scheme than Basic.
    #[error("the Authorization header is not Basic")]
    Scheme,
    /// It is not base64 of `user:password`.
    #[error("the Authorization header cannot be read")]
    Unreadable,
}

impl From<AuthorizationError> for OauthError {
    /// RFC 6749 §5.2: a client that authenticates in vain is told the scheme, with 401.
    fn from(error: AuthorizationError) -> Self {
        let unauthorized = |reason| Self::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, "malformed", reason);
        match error {
            AuthorizationError::Password => unauthorized("client_secret"),
            AuthorizationError::Repeated => Self::malformed(StatusCode::BAD_REQUEST, "authorization").with_detail("two headers"),
            AuthorizationError::Scheme => unauthorized("authorization").with_detail("scheme"),
            AuthorizationError::Unreadable => unauthorized("authorization"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(values: &[&str]) -> Result<Option<String>, AuthorizationError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        client_hint(&headers)
    }

    fn basic(user_and_password: &str) -> String {
        format!("Basic {}", STANDARD.encode(user_and_password))
    }

    #[test]
    fn basic_with_an_empty_password_names_a_client() {
        for (header, expected, why) in [
            (basic("web-shop:"), Ok(Some("web-shop")), "the usual hint"),
            (basic("web-shop:").replace("Basic", "bAsIc"), Ok(Some("web-shop")), "schemes ignore case"),
            (basic("a%3Ab+c%25:"), Ok(Some("a:b c%")), "form-decoded after base64"),
            (basic(":"), Ok(None), "an empty user is nobody"),
            (basic("web-shop:secret"), Err(AuthorizationError::Password), "there is no secret that could be right"),
            (basic("web-shop:%"), Err(AuthorizationError::Password), "whatever it is"),
            (basic("a:b:"), Err(AuthorizationError::Password), "the first colon separates"),
            (basic("web-shop"), Err(AuthorizationError::Unreadable), "no colon"),
            (basic("%zz:"), Err(AuthorizationError::Unreadable), "bad escape"),
            (basic("a%00:"), Err(AuthorizationError::Unreadable), "control character"),
            ("Basic".to_owned(), Err(AuthorizationError::Unreadable), "no credentials"),
            ("Basic !!!".to_owned(), Err(AuthorizationError::Unreadable), "no base64"),
            ("Bearer eyJ.eyJ.sig".to_owned(), Err(AuthorizationError::Scheme), "another scheme"),
        ] {
            assert_eq!(hint(&[&header]), expected.map(|user| user.map(str::to_owned)), "{why}: {header}");
        }
        assert_eq!(hint(&[]), Ok(None));
        assert_eq!(hint(&[&basic("a:"), &basic("a:")]), Err(AuthorizationError::Repeated));
    }

    #[test]
    fn a_failed_authentication_is_401_and_two_headers_are_400() {
        for (error, status, description) in [
            (AuthorizationError::Password, 401, "malformed: client_secret"),
            (AuthorizationError::Repeated, 400, "malformed: authorization (two headers)"),
            (AuthorizationError::Scheme, 401, "malformed: authorization (scheme)"),
            (AuthorizationError::Unreadable, 401, "malformed: authorization"),
        ] {
            let answer = OauthError::from(error);
            assert_eq!((answer.status.as_u16(), &*answer.description()), (status, description));
        }
    }
}
