//! Signing: the key ring and the sealed token.
//!
//! Owns: our signing keys, what an issued token says and how it looks, what its release spends and what the store keeps of it. Must not know: whether it was spent, recorded, sent.

mod key_ring;
mod kind;
mod mint;
mod minted;
mod opaque;
mod repeatable;
mod replay_key;
mod spends;

pub(in crate::release) use key_ring::ACCESS_TOKEN;
pub use key_ring::{
    AtRestError, CannotIssue, EncryptionKeySource, JWKS_MAX_AGE, KeyDescription, KeyRing, KeyState, Keys, KeysError, KeysSettings,
    PUBLISH_AHEAD, PublishedKey, RETIRED_FOR, SCHEMA, SIGNING_ALGORITHMS, SigningFailed, begin_anew,
};
pub use kind::IssuedKind;
pub use mint::{Occasion, mint};
pub use minted::MintedToken;
pub(in crate::release) use minted::Times;
pub(in crate::release) use opaque::{Handle, OpaqueRecord};
pub use repeatable::RepeatableRequest;
pub(in crate::release) use replay_key::ReplayKey;
pub use spends::{ProofSpend, SpendList, Spends, Spent};
