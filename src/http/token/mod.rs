//! The token endpoint.
//!
//! Owns: from a request to parameters, from what an exchange came to to an answer. Must not know: what decides.

mod endpoint;
mod outcome;
mod parameters;

pub use endpoint::TokenEndpoint;
pub(super) use endpoint::{exchange, exchange_default_scope, other_method};
pub(super) use outcome::retry_after;
