//! Encrypting issued tokens for their targets (JWE, RFC 7516).
//!
//! Owns: the public key that a target registers, and the one way in which tokens are encrypted to it. Must not know: what is encrypted,
//! and for whom. Nothing here decrypts.

mod key;

#[cfg(test)]
mod tests;

pub use key::{EncryptionFailed, EncryptionKey, UnusableEncryptionKey};
