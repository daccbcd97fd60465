//! The state in SQLite.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::domain::Seconds;
use crate::store::Schema;

use super::{Addition, Confirmation, FORGOTTEN_AT_ONCE, Look, PAGE};

/// Changes by their number; the highest number ever given; the last word of each node. `ends` is seconds since 1970, NULL for never; `at` is
/// milliseconds, `max_stale` seconds.
pub const SCHEMA: Schema = Schema {
    kind: "revocations",
    sql: "CREATE TABLE IF NOT EXISTS revocation (
              version INTEGER PRIMARY KEY,
              id TEXT NOT NULL UNIQUE,
              ends INTEGER,
              change TEXT NOT NULL
          ) STRICT;
          CREATE INDEX IF NOT EXISTS revocation_ends ON revocation (ends) WHERE ends IS NOT NULL;
          CREATE TABLE IF NOT EXISTS revocation_version (
              only INTEGER PRIMARY KEY CHECK (only = 1),
              version INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE IF NOT EXISTS revocation_node (
              node TEXT PRIMARY KEY,
              version INTEGER NOT NULL,
              at INTEGER NOT NULL,
              max_stale INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;",
};

/// `None` when the history is another.
pub(super) fn look(conn: &Connection, look: &Look) -> rusqlite::Result<Option<Vec<super::Row>>> {
    if version(conn)? < look.since {
        return Ok(None);
    }
    if let Some((id, expected)) = &look.witness {
        let mut select = conn.prepare_cached("SELECT version FROM revocation WHERE id = ?1")?;
        let found = select.query_row([id.as_str()], |row| row.get::<_, i64>(0)).optional()?;
        if found.map(i64::unsigned_abs) != Some(*expected) {
            return Ok(None);
        }
    }
    if let Some(node) = &look.node {
        let mut upsert =
            conn.prepare_cached("INSERT OR REPLACE INTO revocation_node (node, version, at, max_stale) VALUES (?1, ?2, ?3, ?4)")?;
        upsert.execute(params![node, signed(look.since), signed(look.unix_millis), signed(look.max_stale.0)])?;
    }
    let mut select = conn.prepare_cached("SELECT version, id, change FROM revocation WHERE version > ?1 ORDER BY version LIMIT ?2")?;
    let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?, row.get(2)?));
    select.query_map(params![signed(look.since), PAGE], row)?.collect::<rusqlite::Result<_>>().map(Some)
}

/// The number of the last of these changes, added now or before.
pub(super) fn add(conn: &Connection, rows: &[Addition], floor: u64, now: u64) -> rusqlite::Result<u64> {
    let (before, mut last) = (version(conn)?, 0);
    let mut version = before.max(floor);
    let mut select = conn.prepare_cached("SELECT version FROM revocation WHERE id = ?1")?;
    let mut insert = conn.prepare_cached("INSERT INTO revocation (version, id, ends, change) VALUES (?1, ?2, nullif(?3, 0), ?4)")?;
    for row in rows {
        let found = select.query_row([&row.id], |row| row.get::<_, i64>(0)).optional()?;
        let number = if let Some(number) = found {
            number.unsigned_abs()
        } else {
            version += 1;
            insert.execute(params![signed(version), row.id, signed(row.ends), row.text])?;
            version
        };
        last = last.max(number);
    }
    if version != before {
        conn.execute("INSERT OR REPLACE INTO revocation_version (only, version) VALUES (1, ?1)", [signed(version)])?;
    }
    let mut forget =
        conn.prepare_cached("DELETE FROM revocation WHERE version IN (SELECT version FROM revocation WHERE ends <= ?1 LIMIT ?2)")?;
    forget.execute(params![signed(now), FORGOTTEN_AT_ONCE])?;
    Ok(last)
}

pub(super) fn confirmations(conn: &Connection) -> rusqlite::Result<Vec<Confirmation>> {
    let mut select = conn.prepare_cached("SELECT node, version, at, max_stale FROM revocation_node")?;
    let row = |row: &Row<'_>| {
        let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
        Ok(Confirmation { node: row.get(0)?, version: number(1)?, at_millis: number(2)?, max_stale: Seconds(number(3)?) })
    };
    select.query_map([], row)?.collect()
}

pub(super) fn leave(conn: &Connection, node: &str) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM revocation_node WHERE node = ?1", [node]).map(drop)
}

/// The highest number ever given; what had it may be forgotten.
fn version(conn: &Connection) -> rusqlite::Result<u64> {
    let mut select = conn.prepare_cached("SELECT version FROM revocation_version WHERE only = 1")?;
    let found = select.query_row([], |row| row.get::<_, i64>(0)).optional()?;
    Ok(found.map_or(0, i64::unsigned_abs))
}

/// SQLite counts to 2⁶³, and nothing here comes near it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
