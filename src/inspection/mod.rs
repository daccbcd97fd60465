//! Our tokens, asked about and taken back.
//!
//! Owns: who asks, and what may be said to them of which token (RFC 7662); who may end a token (RFC 7009). Must not know: HTTP, how trust
//! came to permit the token.

mod assertion;
mod caller;
mod refused;
mod service;

pub use assertion::{BadAssertion, CLIENT_ASSERTION_TYPE, ClientAssertion};
pub use caller::{AccessToken, Caller, Credentials, INTROSPECT_SCOPE};
pub use refused::Refused;
pub use service::{Inspection, InspectionEdges, Introspected, Revoked};
