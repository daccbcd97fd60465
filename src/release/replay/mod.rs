//! The replay guard: remembers spent tokens and proofs, and what opaque tokens stand for.
//!
//! Owns: the order of spends, the contract that every engine keeps (one conformance suite), the history fence, the engines'
//! tables. Must not know: why a token was permitted, how it was signed, what is written about it.

mod error;
mod guard;
#[cfg(test)]
mod histories;
mod opaque;
mod redis;
mod spend;
mod spent;
pub mod sqlite;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod several;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use crate::domain::Seconds;

pub use error::{NotSpent, SpendError, after_fence};
pub use guard::{Pulse, ReplayGuard, cut_off};
pub use opaque::OpaqueTokens;
pub use spent::{Once, RepeatedToken, SpendOutcome, SpentToken};

/// D: how far two clocks that take part in one spend may differ, and how far one clock may step back, before the guard refuses.
pub const CLOCK_OFFSET: Seconds = Seconds(5);
/// How much longer than its token is accepted a record is kept: twice [`CLOCK_OFFSET`], once for each clock that may be off, and five
/// minutes for an administrator who raises an issuer's leeway, which makes tokens acceptable again that were expired.
pub const RECORD_MARGIN: Seconds = Seconds(10 + LONGEST_LEEWAY.0);
/// The longest leeway an issuer may be given: the guard forgets spent tokens by it.
pub const LONGEST_LEEWAY: Seconds = Seconds(300);
/// The largest `iat_skew` an issuer may be given: how far ahead of the accepting clock an `iat` may lie.
pub const LARGEST_IAT_SKEW: Seconds = Seconds(10);
/// How long after the spend the same request, with the same idempotency key, gets the same token again.
pub const REPEAT_FOR: Seconds = Seconds(60);
/// How far ahead of the moment history was lost the fence stands: no token accepted before can have a later `iat`, because `iat`
/// may lie at most [`LARGEST_IAT_SKEW`] ahead of the accepting clock, and that clock at most [`CLOCK_OFFSET`] ahead of this one.
pub const FENCE_MARGIN: Seconds = Seconds(LARGEST_IAT_SKEW.0 + CLOCK_OFFSET.0);
