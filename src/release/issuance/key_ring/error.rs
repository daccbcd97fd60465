//! What can go wrong with our own keys.

use crate::domain::Timestamp;
use crate::store::StoreError;
use crate::token::Algorithm;

use super::at_rest::AtRestError;

/// A token could not be signed. Nothing was released and nothing was spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigningFailed {
    /// The crypto provider refused.
    #[error("the crypto provider could not sign")]
    Crypto,
    /// The ring has no key for that algorithm: it signs with `ES256`, `RS256` and `EdDSA`.
    #[error("there is no signing key for {0}")]
    NoKey(Algorithm),
    /// A mapped claim would stand beside a claim of ours with the same name.
    #[error("a mapped claim has a name that is reserved for the token itself")]
    ReservedClaim,
    /// With what is carried over the token is larger than this server itself reads.
    #[error("the token is larger than 16 KiB: carry less over into it")]
    TooLarge,
}

/// The key ring could not be read, written or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The key ring could not be unwrapped or wrapped.
    #[error(transparent)]
    AtRest(#[from] AtRestError),
    /// Others changed the ring again and again while we tried to.
    #[error("the key ring is being changed by others; try again")]
    Contended,
    /// A new key could not be made.
    #[error(transparent)]
    Generate(#[from] SigningFailed),
    /// The next key has not been published for long enough.
    #[error(
        "the next {algorithm} key is too new to sign: caches out there may not know it yet. Rotation is possible from {from} on; \
         if a key was compromised, use `--compromised`"
    )]
    NextTooNew {
        /// Whose next key.
        algorithm: Algorithm,
        /// From when on it may sign.
        from: Timestamp,
    },
    /// The next key was made, and no server has published it since.
    #[error(
        "the next {algorithm} key has not been published yet: no server has served it since it was made. One that runs does \
         within a second; rotate 15 minutes later; if a key was compromised, use `--compromised`"
    )]
    NextUnpublished {
        /// Whose next key.
        algorithm: Algorithm,
    },
    /// The store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key of the ring has that name.
    #[error("the key ring holds no key `{kid}`; `cambist keys list` shows those it holds")]
    UnknownKey {
        /// What was asked for.
        kid: Box<str>,
    },
}
