//! Signing: the key ring and the sealed token.

mod minted;
mod spends;

pub use minted::MintedToken;
pub use spends::Spends;
