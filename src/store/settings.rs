//! What a store needs to be opened.

use std::path::PathBuf;

use super::redis::RedisSettings;

/// Where the store is, and of which kind.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// One database file, for one node.
    Sqlite(SqliteSettings),
    /// Redis, for any number of nodes.
    Redis(RedisSettings),
}

/// Where the database is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SqliteSettings {
    /// The SQLite database file. Beside it stand `-wal`, `-shm` and `.lock`.
    pub path: PathBuf,
}

/// Who opens the store, and therefore what may happen to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenMode {
    /// `serve`. SQLite: takes the lock; a file that does not exist is created with a deployment id; a file without one is refused.
    /// Redis: checks role, version, eviction policy and permissions; a store without a deployment id is refused.
    Serve,
    /// A command beside a running server: no lock, creates nothing, the store must have a deployment id.
    Command,
    /// `store init`. SQLite: takes the lock, because nobody may serve meanwhile; creates the file, or gives an empty one its id. Redis:
    /// gives a store without an id one.
    Init {
        /// Whether a store that has an id already is opened nevertheless, to begin a new history in it.
        accept_loss: bool,
    },
}

/// The tables of one kind of state.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// The kind of state, for messages: `replay`.
    pub kind: &'static str,
    /// Statements that may run at every start: `CREATE TABLE IF NOT EXISTS …`.
    pub sql: &'static str,
}
