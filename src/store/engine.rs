//! Either engine, for whoever only needs to know that there is one.

use std::sync::Arc;

use crate::domain::Clock;

use super::{DeploymentId, OpenMode, RedisStore, Schema, SqliteSettings, SqliteStore, StoreError, StoreSettings};

/// An open store. Cheap to clone.
///
/// Each kind of state matches on it: beside its meaning stand its `sqlite.rs` and its `redis.rs`.
#[derive(Clone, Debug)]
pub enum Store {
    /// One database file.
    Sqlite(SqliteStore),
    /// One Redis, Sentinel or Cluster.
    Redis(RedisStore),
}

impl Store {
    /// Opens the store, and prepares the tables of an SQLite one; see [`OpenMode`] for what may be created.
    ///
    /// # Errors
    /// Whatever is wrong with an existing store is an error that says what to do; nothing is repaired or emptied.
    pub async fn open(settings: &StoreSettings, schemas: &[Schema], mode: OpenMode, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        match settings {
            StoreSettings::Sqlite(settings) => Self::sqlite(settings, schemas, mode),
            StoreSettings::Redis(settings) => RedisStore::open(settings.clone(), mode, clock).await.map(Self::Redis),
        }
    }

    /// Opens an SQLite store. Blocks the thread.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn sqlite(settings: &SqliteSettings, schemas: &[Schema], mode: OpenMode) -> Result<Self, StoreError> {
        SqliteStore::open(settings, schemas, mode).map(Self::Sqlite)
    }

    /// Whether opening it created the store: nothing that happened before is known to it.
    #[must_use]
    pub fn created(&self) -> bool {
        match self {
            Self::Sqlite(store) => store.created(),
            Self::Redis(store) => store.created(),
        }
    }

    /// The id of its history, as it was when it was opened.
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        match self {
            Self::Sqlite(store) => store.deployment().clone(),
            Self::Redis(store) => store.deployment(),
        }
    }

    /// Where it is, for messages: a path, or server addresses. Never credentials.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(store) => store.path().display().to_string(),
            Self::Redis(store) => store.place(),
        }
    }

    /// Whether other servers may use it at the same time as this one.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// How often [`Self::check`] found that the store had lost everything, and began to give it back. Never with SQLite, where another
    /// file is another store.
    #[must_use]
    pub fn losses(&self) -> u64 {
        match self {
            Self::Sqlite(_) => 0,
            Self::Redis(store) => store.losses(),
        }
    }

    /// Whether this is still the store that was opened, and fit for use. For the health loop, each second. A Redis store that lost its
    /// deployment id is given it back.
    ///
    /// # Errors
    /// What an administrator must know and do.
    pub async fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.check().await,
            Self::Redis(store) => store.check().await,
        }
    }
}
