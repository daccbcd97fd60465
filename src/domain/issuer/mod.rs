//! Who an issuer is.
//!
//! Owns: the URL of an issuer, the trust domain of a SPIFFE issuer, SPIFFE IDs, and what the two kinds have in common. Must not know: how
//! an issuer is registered.

mod id;
mod spiffe;
mod url;

pub use id::IssuerId;
pub use spiffe::{InvalidSpiffeId, InvalidTrustDomain, SpiffeId, TrustDomain};
pub use url::{InvalidIssuerUrl, IssuerUrl};
