//! Heads in SQLite.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::Digest256;
use crate::release::record::Head;
use crate::store::Schema;

/// The newest known head of each node's chain. `head` is the 32 bytes of the digest, `time` milliseconds since 1970.
pub const SCHEMA: Schema = Schema {
    kind: "log_heads",
    sql: "CREATE TABLE IF NOT EXISTS log_heads (
        node TEXT PRIMARY KEY NOT NULL,
        seq INTEGER NOT NULL,
        head BLOB NOT NULL CHECK (length(head) = 32),
        time INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
};

pub(super) fn write(connection: &Connection, node: &str, head: &Head) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO log_heads (node, seq, head, time) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, head = excluded.head, time = excluded.time
         WHERE excluded.seq >= log_heads.seq",
    )?;
    upsert.execute(params![node, signed(head.seq), head.digest.as_bytes(), signed(head.unix_millis)]).map(|_| ())
}

pub(super) fn read(connection: &Connection, node: &str) -> rusqlite::Result<Option<Head>> {
    let mut select = connection.prepare_cached("SELECT seq, head, time FROM log_heads WHERE node = ?1")?;
    let found = select.query_row([node], |row| {
        let (seq, digest, time): (i64, [u8; 32], i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Head { seq: seq.unsigned_abs(), digest: Digest256::from_bytes(digest), unix_millis: time.unsigned_abs() })
    });
    found.optional()
}

/// SQLite counts to 2⁶³: a log at that size does not exist.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
