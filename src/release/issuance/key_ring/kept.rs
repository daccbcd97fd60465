//! What the store keeps of our keys: one wrapped ring, and every public key that ever was. Blocks, whichever the engine.

use crate::store::{Store, StoreError};

use super::published::PublishedKey;
use super::{redis, sqlite};

/// The ring as the store holds it. Secret only as long as the encryption keys are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct StoredRing {
    pub(super) version: u64,
    pub(super) wrapped: Box<str>,
}

/// The stored ring, if there is one.
pub(super) fn read(store: &Store) -> Result<Option<StoredRing>, StoreError> {
    match store {
        Store::Sqlite(store) => store.run_blocking(sqlite::read),
        Store::Redis(store) => redis::read(store),
    }
}

/// Puts `new` in place of exactly `expected`, and remembers its public keys. `false` when something else stands there.
pub(super) fn replace(store: &Store, expected: Option<StoredRing>, new: StoredRing, keys: Vec<PublishedKey>) -> Result<bool, StoreError> {
    match store {
        Store::Sqlite(store) => store.run_blocking(move |conn| sqlite::replace(conn, expected.as_ref(), &new, &keys)),
        Store::Redis(store) => redis::replace(store, expected.as_ref(), &new, &keys),
    }
}

/// Every key that was ever in the ring, oldest first.
pub(super) fn history(store: &Store) -> Result<Vec<PublishedKey>, StoreError> {
    match store {
        Store::Sqlite(store) => store.run_blocking(sqlite::history),
        Store::Redis(store) => redis::history(store),
    }
}

/// Forgets the ring, so that new keys are made and everything signed before verifies no more. For `store init --accept-loss`. The
/// history of public keys stays. Blocks.
///
/// # Errors
/// When the store does not answer.
pub fn forget_ring(store: &Store) -> Result<(), StoreError> {
    match store {
        Store::Sqlite(store) => store.run_blocking(sqlite::forget),
        Store::Redis(store) => redis::forget(store),
    }
}
