//! The words of the field as values.
//!
//! Owns: names, URLs, claims, scopes, times, digests and secrets, each parsed once into a type that cannot be wrong.
//! Must not know: anything else of ours. No I/O (but for the system clock behind [`Clock`]), no async.

mod audience;
mod claims;
mod digest;
mod ids;
mod issuer;
mod json;
mod mark;
mod name;
mod scope;
mod secret;
mod time;

pub use audience::{Audience, InvalidAudience};
pub use claims::{ClaimPath, ClaimValue, Claims, InvalidClaimPath, Number};
pub use digest::{Digest256, Thumbprint};
pub use ids::{DecisionId, TokenId, random_bytes};
pub use issuer::{InvalidIssuerUrl, InvalidSpiffeId, InvalidTrustDomain, IssuerId, IssuerUrl, SpiffeId, TrustDomain};
pub use json::{JsonError, JsonLimits, parse_json};
pub use mark::{Fingerprint, Mark};
pub use name::{ClientName, InvalidName, IssuerName, RelationshipName, TargetName};
pub use scope::{InvalidScope, Scope, Scopes};
pub use secret::{IdempotencyKey, InvalidIdempotencyKey, SubjectToken};
pub use time::{Clock, InvalidSeconds, ManualClock, Seconds, SystemClock, Timestamp};
