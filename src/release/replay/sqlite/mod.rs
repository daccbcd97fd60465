//! The guard's memory in SQLite.
//!
//! Owns: the tables of spent tokens and of history (fence, clock), and the one job that reads and writes them for a spend. The
//! store's clock is this machine's clock, read when the job runs, and never earlier than what the database has seen before.

mod engine;
mod history;
mod records;

use crate::store::Schema;

pub use history::cut_off;

pub(super) use engine::SqliteEngine;

/// The guard's tables.
///
/// Statements name their columns and a record may be any spend's, so what a later feature must remember of one (the `jti`, `iat` and
/// `exp` it released) is added as further columns that may be null.
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
            owner BLOB NOT NULL,            -- the nonce of the attempt that spent it
            spent_at INTEGER NOT NULL,
            keep_until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS replay_spent_by_end ON replay_spent (keep_until);
    ",
};
