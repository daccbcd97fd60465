//! The use case: one exchange, told in one function.
//!
//! Owns: the request of RFC 8693, the conductor, the families of failure. Must not know: HTTP, files.

mod refusal;
mod request;
mod service;

pub use refusal::{Family, Refusal, Unavailable};
pub use request::{ExchangeRequest, Malformed, Parameters, TOKEN_EXCHANGE};
pub use service::{Answer, ExchangeEdges, ExchangeService, Observed, TrustState};
