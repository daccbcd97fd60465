//! Our own tokens, when they come back.
//!
//! Owns: what a token must look like to be one of ours. Must not know: why it comes back, whether it was taken back.

#[cfg(test)]
mod tests;
mod tokens;

pub use tokens::OwnTokens;
