//! What an issued token is, in the words of an answer.

use crate::policy::{RequestedType, TokenKind};
use crate::token::Bond;

/// What an issued token is, as the answer says it (RFC 8693 §2.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IssuedKind {
    issued_token_type: &'static str,
    token_type: &'static str,
}

impl IssuedKind {
    pub(in crate::release) fn of(kind: TokenKind, bond: &Bond, asked: Option<RequestedType>) -> Self {
        let token_type = match kind {
            // No access token, and useless at a resource server.
            TokenKind::AuthorizationGrant => "N_A",
            // RFC 9449 §5.
            TokenKind::AccessToken if bond.key.is_some() => "DPoP",
            // RFC 8705 has no type of its own.
            TokenKind::AccessToken => "Bearer",
        };
        let is_jwt = kind == TokenKind::AuthorizationGrant || asked == Some(RequestedType::Jwt);
        let issued_token_type =
            if is_jwt { "urn:ietf:params:oauth:token-type:jwt" } else { "urn:ietf:params:oauth:token-type:access_token" };
        Self { issued_token_type, token_type }
    }

    /// `issued_token_type`: what it is. An access token that was asked for as a JWT is called one.
    #[must_use]
    pub const fn issued_token_type(self) -> &'static str {
        self.issued_token_type
    }

    /// `token_type`: how it is used.
    #[must_use]
    pub const fn token_type(self) -> &'static str {
        self.token_type
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Thumbprint;

    #[test]
    fn an_answer_says_what_the_token_is_and_how_it_is_used() {
        let some = Some(Thumbprint::of(b"key"));
        let (free, key, certificate) = (Bond::default(), Bond { key: some, certificate: None }, Bond { key: None, certificate: some });
        let (access_token, jwt) = (Some(RequestedType::AccessToken), Some(RequestedType::Jwt));
        for (kind, bond, asked, token_type, issued, why) in [
            (TokenKind::AccessToken, free, None, "Bearer", "access_token", "whoever holds it"),
            (TokenKind::AccessToken, free, access_token, "Bearer", "access_token", "as it was asked for"),
            (TokenKind::AccessToken, free, jwt, "Bearer", "jwt", "it is one, and is used like any access token"),
            (TokenKind::AccessToken, key, None, "DPoP", "access_token", "whoever proves the key"),
            (TokenKind::AccessToken, certificate, None, "Bearer", "access_token", "RFC 8705 has no type of its own"),
            (TokenKind::AuthorizationGrant, free, None, "N_A", "jwt", "another server's business"),
            (TokenKind::AuthorizationGrant, key, jwt, "N_A", "jwt", "bound or not"),
        ] {
            let found = IssuedKind::of(kind, &bond, asked);
            let urn = format!("urn:ietf:params:oauth:token-type:{issued}");
            assert_eq!((found.token_type(), found.issued_token_type()), (token_type, &*urn), "{why}");
        }
    }
}
