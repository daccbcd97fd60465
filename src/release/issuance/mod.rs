//! Signing: the key ring and the sealed token.

mod spends;

pub use spends::Spends;
