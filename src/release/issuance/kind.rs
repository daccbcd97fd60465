//! What an issued token is, in the words of an answer.

use crate::policy::TokenKind;
use crate::token::Bond;

/// The kind of an issued token, as the answer says it (RFC 8693 §2.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IssuedKind {
    /// An access token that whoever holds it may use, or whoever holds the certificate that it is bound to (RFC 8705 §3).
    Bearer,
    /// An access token that is bound to the key of a DPoP proof (RFC 9449 §5).
    Dpop,
    /// An authorization grant: no access token, and useless at a resource server.
    Grant,
}

impl IssuedKind {
    pub(in crate::release) fn of(kind: TokenKind, bond: &Bond) -> Self {
        match kind {
            TokenKind::AuthorizationGrant => Self::Grant,
            TokenKind::AccessToken if bond.key.is_some() => Self::Dpop,
            TokenKind::AccessToken => Self::Bearer,
        }
    }

    /// `issued_token_type`.
    #[must_use]
    pub const fn issued_token_type(self) -> &'static str {
        match self {
            Self::Bearer | Self::Dpop => "urn:ietf:params:oauth:token-type:access_token",
            Self::Grant => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// `token_type`: how the token is used.
    #[must_use]
    pub const fn token_type(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::Grant => "N_A",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Thumbprint;

    #[test]
    fn an_answer_says_how_the_token_is_used() {
        let some = Some(Thumbprint::of(b"key"));
        let (free, key, certificate) = (Bond::default(), Bond { key: some, certificate: None }, Bond { key: None, certificate: some });
        for (kind, bond, token_type, issued, why) in [
            (TokenKind::AccessToken, free, "Bearer", "access_token", "whoever holds it"),
            (TokenKind::AccessToken, key, "DPoP", "access_token", "whoever proves the key"),
            (TokenKind::AccessToken, certificate, "Bearer", "access_token", "RFC 8705 has no type of its own"),
            (TokenKind::AuthorizationGrant, free, "N_A", "jwt", "another server's business"),
            (TokenKind::AuthorizationGrant, key, "N_A", "jwt", "bound or not"),
        ] {
            let found = IssuedKind::of(kind, &bond);
            let urn = format!("urn:ietf:params:oauth:token-type:{issued}");
            assert_eq!((found.token_type(), found.issued_token_type()), (token_type, &*urn), "{why}");
        }
    }
}
