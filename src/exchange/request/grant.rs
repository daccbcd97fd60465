//! The grants, over one engine.

use super::{CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE};

/// A grant of the token endpoint. Every one of them presents a token of another issuer and passes the same conductor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum GrantType {
    /// The token authenticates the client that it is presented for (RFC 6749 §4.4, RFC 7523 §2.2).
    ClientCredentials,
    /// The token is the grant (RFC 7523 §2.1).
    JwtBearer,
    /// The token is exchanged (RFC 8693).
    TokenExchange,
}

impl GrantType {
    /// Every grant, sorted by [`Self::name`].
    pub const ALL: [Self; 3] = [Self::ClientCredentials, Self::JwtBearer, Self::TokenExchange];

    /// The value of `grant_type`.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::ClientCredentials => CLIENT_CREDENTIALS,
            Self::JwtBearer => JWT_BEARER,
            Self::TokenExchange => TOKEN_EXCHANGE,
        }
    }

    /// The word in records and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::TokenExchange => "token_exchange",
        }
    }

    /// Reads `grant_type`: to the letter.
    #[must_use]
    pub fn from_urn(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.urn() == urn)
    }
}
