//! What the store keeps of our keys: one wrapped ring, and every public key that ever was. Blocks, whichever the engine.

use crate::store::{DeploymentId, Store, StoreError};

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

/// Begins a new history of the store: a new deployment id and no ring, so that new keys are made and everything signed before verifies no
/// more. For `store init --accept-loss`, after every kind of state has cut off what was issued before. The history of public keys stays.
///
/// With Redis, servers may run meanwhile: both happen in one step, and whoever holds the old ring cannot write it back after it. With
/// either engine this handle is then to be dropped.
///
/// # Errors
/// When the store does not answer; it may then have the old id or the new one.
pub async fn begin_anew(store: &Store) -> Result<DeploymentId, StoreError> {
    match store {
        Store::Sqlite(store) => {
            store.run(sqlite::forget).await?;
            store.reset_deployment().await
        }
        Store::Redis(store) => redis::begin_anew(store).await,
    }
}
