//! What the store keeps of our keys: one wrapped ring, and every public key that ever was.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::domain::Timestamp;
use crate::store::Schema;
use crate::token::Algorithm;

use super::kept::StoredRing;
use super::published::PublishedKey;

/// The tables of the key ring.
pub const SCHEMA: Schema = Schema {
    kind: "keys",
    sql: "CREATE TABLE IF NOT EXISTS key_ring (
              only INTEGER PRIMARY KEY CHECK (only = 1),
              version INTEGER NOT NULL,
              wrapped TEXT NOT NULL
          ) STRICT;
          CREATE TABLE IF NOT EXISTS published_key (
              kid TEXT PRIMARY KEY,
              algorithm TEXT NOT NULL,
              jwk TEXT NOT NULL,
              first_published INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;",
};

/// The stored ring, if there is one.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<StoredRing>> {
    let mut select = conn.prepare_cached("SELECT version, wrapped FROM key_ring WHERE only = 1")?;
    let ring = |row: &Row<'_>| Ok(StoredRing { version: row.get::<_, i64>(0)?.unsigned_abs(), wrapped: row.get(1)? });
    select.query_row([], ring).optional()
}

/// Puts `new` in place of exactly `expected`, and remembers its public keys. `false` when something else stands there.
pub(super) fn replace(conn: &Connection, expected: Option<&StoredRing>, new: &StoredRing, keys: &[PublishedKey]) -> rusqlite::Result<bool> {
    if read(conn)?.as_ref() != expected {
        return Ok(false);
    }
    let version = i64::try_from(new.version).unwrap_or(i64::MAX);
    conn.execute("INSERT OR REPLACE INTO key_ring (only, version, wrapped) VALUES (1, ?1, ?2)", params![version, new.wrapped])?;
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO published_key (kid, algorithm, jwk, first_published) VALUES (?1, ?2, ?3, ?4)")?;
    for key in keys {
        let first_published = i64::try_from(key.first_published.unix()).unwrap_or(i64::MAX);
        insert.execute(params![key.kid, key.algorithm.name(), key.jwk, first_published])?;
    }
    Ok(true)
}

/// Forgets the ring. The history of public keys stays.
pub(super) fn forget(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM key_ring", []).map(drop)
}

/// Every key that was ever in the ring, oldest first.
pub(super) fn history(conn: &Connection) -> rusqlite::Result<Vec<PublishedKey>> {
    let mut select = conn.prepare_cached("SELECT kid, algorithm, jwk, first_published FROM published_key ORDER BY first_published, kid")?;
    let keys = select.query_map([], published)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(keys.into_iter().flatten().collect())
}

/// `None` for an algorithm that only a later cambist knows.
fn published(row: &Row<'_>) -> rusqlite::Result<Option<PublishedKey>> {
    let Some(algorithm) = Algorithm::from_name(&row.get::<_, Box<str>>(1)?) else { return Ok(None) };
    let first_published = Timestamp::from_unix(row.get::<_, i64>(3)?.unsigned_abs());
    Ok(Some(PublishedKey { algorithm, first_published, jwk: row.get(2)?, kid: row.get(0)? }))
}
