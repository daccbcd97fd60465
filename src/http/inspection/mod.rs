//! Introspection (RFC 7662) and revocation (RFC 7009).
//!
//! Owns: from a request to a question, from what came of it to an answer. Must not know: what decides.

mod endpoint;
mod outcome;
mod question;

pub use endpoint::{InspectionEndpoints, InspectionObserved};
pub(super) use endpoint::{introspect, other_method, revoke};
