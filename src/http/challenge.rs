//! What a 401 or 403 asks for (RFC 9110 §11.6.1).

/// The value of `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// A name by HTTP Basic: what a client of the token endpoint may send.
    Basic,
    /// An access token, and nothing else is said (RFC 6750 §3).
    Bearer,
    /// An access token that allows more (RFC 6750 §3.1).
    InsufficientScope,
    /// A good proof beside the access token (RFC 9449 §7.1).
    InvalidProof,
    /// Another access token (RFC 6750 §3.1).
    InvalidToken,
    /// A proof with our nonce (RFC 9449 §9).
    UseNonce,
}

impl Challenge {
    /// The text of the header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "Basic realm=\"cambist\"",
            Self::Bearer => "Bearer realm=\"cambist\"",
            Self::InsufficientScope => "Bearer realm=\"cambist\", error=\"insufficient_scope\", scope=\"introspect\"",
            Self::InvalidProof => {
                "DPoP realm=\"cambist\", error=\"invalid_dpop_proof\", algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512\""
            }
            Self::InvalidToken => "Bearer realm=\"cambist\", error=\"invalid_token\"",
            Self::UseNonce => "DPoP realm=\"cambist\", error=\"use_dpop_nonce\"",
        }
    }
}
