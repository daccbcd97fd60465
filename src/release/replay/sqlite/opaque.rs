//! The records of opaque tokens.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::{Digest256, Timestamp};
use crate::release::issuance::OpaqueRecord;

use super::history::seconds;

/// Keeps a record. Once more is as good as once: a record has one content.
pub(super) fn keep(conn: &Connection, record: &OpaqueRecord) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO opaque_token (name, sealed, keep_until) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![record.name.as_bytes(), record.sealed, seconds(record.keep_until)]).map(drop)
}

/// The sealed content of the record of that name.
pub(in crate::release::replay) fn find(conn: &Connection, name: &Digest256) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut select = conn.prepare_cached("SELECT sealed FROM opaque_token WHERE name = ?1")?;
    select.query_row([name.as_bytes()], |row| row.get(0)).optional()
}

/// Forgets at most `most` records that ended by `time`; returns how many.
pub(super) fn purge(conn: &Connection, time: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM opaque_token WHERE name IN (SELECT name FROM opaque_token WHERE keep_until <= ?1 ORDER BY keep_until LIMIT ?2)",
    )?;
    delete.execute(params![seconds(time), most])
}
