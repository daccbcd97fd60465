//! The guard's memory in SQLite.
//!
//! Owns: the tables of spent tokens, of opaque tokens and of history (fence, clock), and the one job that reads and writes them for a spend. The
//! store's clock is this machine's clock, read when the job runs, and never earlier than what the database has seen before.

mod engine;
mod history;
mod opaque;
mod records;

use crate::store::Schema;

pub use history::cut_off;

pub(super) use engine::SqliteEngine;
pub(super) use opaque::find;

/// The guard's tables.
///
/// Statements name their columns, so that what is remembered of some spends only stands in columns that may be null. A database made
/// before there were such columns gets them when the guard starts, and serves an older guard as well as before.
pub const SCHEMA: Schema = Schema {
    kind: "replay",
    sql: "
        CREATE TABLE IF NOT EXISTS replay_history (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            fence_until INTEGER NOT NULL,   -- tokens with iat <= this are refused
            high_water INTEGER NOT NULL     -- the latest time seen
        ) STRICT;
        CREATE TABLE IF NOT EXISTS replay_spent (
            key BLOB PRIMARY KEY CHECK (length(key) = 32),
            owner BLOB NOT NULL,            -- the nonce of the attempt that spent it, or the digest of the request that may be repeated
            spent_at INTEGER NOT NULL,
            keep_until INTEGER NOT NULL,
            released_iat INTEGER,           -- of a request that may be repeated: iat and exp of its token
            released_exp INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS replay_spent_by_end ON replay_spent (keep_until);
        CREATE TABLE IF NOT EXISTS opaque_token (
            name BLOB PRIMARY KEY CHECK (length(name) = 32),
            sealed BLOB NOT NULL,           -- the signed token, for whoever shows the handle
            keep_until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS opaque_token_by_end ON opaque_token (keep_until);
    ",
};
