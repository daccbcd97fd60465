//! The use case: one exchange, told in one function, whatever grant it comes by.
//!
//! Owns: the requests of RFC 8693, RFC 7523 and RFC 6749 §4.4, the conductor, the families of failure. Must not know: HTTP, files.

mod edges;
mod refusal;
mod request;
mod service;
mod show;

pub use edges::{Answer, ExchangeEdges, Observed, TrustState};
pub use refusal::{Family, Refusal, Unavailable};
pub use request::{ACCESS_TOKEN_TYPE, CLIENT_CREDENTIALS, JWT_BEARER, JWT_TYPE, TOKEN_EXCHANGE};
pub use request::{AssertionProfile, ExchangeRequest, GrantType, Malformed, Parameters, SentProof, Subject, TokenOrigin};
pub use service::ExchangeService;
