//! Signing: the key ring and the sealed token.
//!
//! Owns: our signing keys, what an issued token says, what its release spends. Must not know: whether it was spent, recorded, sent.

mod key_ring;
mod mint;
mod minted;
mod repeatable;
mod spends;

pub(in crate::release) use key_ring::ACCESS_TOKEN;
pub use key_ring::{
    AtRestError, CannotIssue, EncryptionKeySource, JWKS_MAX_AGE, KeyDescription, KeyRing, KeyState, Keys, KeysError, KeysSettings,
    PUBLISH_AHEAD, PublishedKey, RETIRED_FOR, SCHEMA, SIGNING_ALGORITHMS, SigningFailed, begin_anew,
};
pub use mint::mint;
pub use minted::MintedToken;
pub(in crate::release) use minted::Times;
pub use repeatable::RepeatableRequest;
pub use spends::Spends;
