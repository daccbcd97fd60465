//! How much one caller may ask for.
//!
//! Owns: rates, whose count an attempt goes to, memory for the counts and for what is known to be spent. Must not know: what is asked, how a refusal is written.
//!
//! Limits keep one caller from taking everybody's share; they are no part of any other promise. Each server counts for itself, in memory that
//! is bounded: whoever finds no room there passes.

mod counts;
mod limited;
mod rate;
mod service;
mod spent;
#[cfg(test)]
mod tests;

pub use limited::{LimitKind, Limited, Remaining};
pub use rate::{InvalidRate, Rate};
pub use service::{Limits, LimitsSettings, PeerLimit};
pub use spent::{Spendable, Spendables};

/// How many callers of one kind are counted at a time, and how much that is spent is known. At about 40 bytes each.
pub const MAX_COUNTED: usize = 100_000;
