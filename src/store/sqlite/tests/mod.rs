//! Real files, real SQLite.

mod jobs;
mod opening;

use std::path::Path;

use rusqlite::Connection;

use super::SqliteStore;
use crate::store::{OpenMode, Schema, SqliteSettings, StoreError};

const NOTES: Schema =
    Schema { kind: "notes", sql: "CREATE TABLE IF NOT EXISTS note (text TEXT PRIMARY KEY, CHECK (text <> 'refused')) STRICT;" };

pub(super) fn open(directory: &Path, mode: OpenMode) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&SqliteSettings { path: directory.join("state/cambist.db") }, &[NOTES], mode)
}

pub(super) fn serve(directory: &Path) -> SqliteStore {
    open(directory, OpenMode::Serve).unwrap()
}

pub(super) fn insert(text: &'static str) -> impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static {
    move |conn| conn.execute("INSERT INTO note (text) VALUES (?1)", [text]).map(drop)
}

pub(super) fn notes(store: &SqliteStore) -> Vec<String> {
    let all = |conn: &Connection| conn.prepare("SELECT text FROM note ORDER BY text")?.query_map([], |row| row.get(0))?.collect();
    store.run_blocking(all).unwrap()
}
