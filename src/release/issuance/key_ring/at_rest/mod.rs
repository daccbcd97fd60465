//! Private keys at rest: one document, encrypted (JWE, RFC 7516) under a key that is kept elsewhere: in a file of its own.
//!
//! This protects a copied database, not a copied directory.

mod document;
mod encryption_keys;
mod error;
mod wrap;

pub(super) use document::{parse, render};
pub use encryption_keys::EncryptionKeySource;
pub(super) use encryption_keys::EncryptionKeys;
pub use error::AtRestError;
pub(super) use wrap::{unwrap, wrapped_under};
