//! What opaque tokens stand for.
//!
//! Owns: the way back from a handle. The way there is the guard's, because both records of a release are written in one step. Must not
//! know: who may ask.

#[cfg(test)]
pub(super) mod contract;
mod tokens;

pub use tokens::OpaqueTokens;
