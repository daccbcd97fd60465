//! Minting: from a permit to a signed, sealed token (RFC 9068).
//!
//! Owns: what an issued token says, and in which of three forms it leaves: signed, encrypted, or as a handle. Must not know: whether it is
//! ever released.

mod claims;
mod make;

#[cfg(test)]
mod tests;

pub use make::{Occasion, mint};
