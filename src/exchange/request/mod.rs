//! Is it a request of a grant that we know?
//!
//! Owns: grants, their parameters, what is malformed. Must not know: what a token says.

mod grant;
mod malformed;
mod parameters;
mod parse;
#[cfg(test)]
mod tests;

pub use grant::GrantType;
pub use malformed::Malformed;
pub use parameters::{AssertionProfile, Parameters, SentProof};
pub use parse::{ExchangeRequest, Subject, TokenOrigin};

/// RFC 8693 §2.1.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 7523 §2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 6749 §4.4, with an assertion in the place of a secret (RFC 7521 §4.2).
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// What is issued for a resource server (RFC 8693 §3), and what tokens of ours are called when they are presented.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What is issued for another authorization server (RFC 8693 §3), and what tokens of other issuers are called.
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
