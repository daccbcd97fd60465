//! Heads kept in the store: what a log must still hold.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::Digest256;
use crate::store::{Schema, Store, StoreError};

use super::Head;

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

/// Keeps the head of a node's chain. One that was overtaken is not kept: two may be on their way at once.
pub async fn save_head(store: &Store, node: &str, head: Head) -> Result<(), StoreError> {
    let node: Box<str> = node.into();
    store.run(move |connection| write(connection, &node, &head)).await
}

/// The head that was kept for a node. For start-up and commands: it blocks.
pub fn load_head(store: &Store, node: &str) -> Result<Option<Head>, StoreError> {
    let node: Box<str> = node.into();
    store.run_blocking(move |connection| read(connection, &node))
}

fn write(connection: &Connection, node: &str, head: &Head) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO log_heads (node, seq, head, time) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, head = excluded.head, time = excluded.time
         WHERE excluded.seq >= log_heads.seq",
    )?;
    upsert.execute(params![node, signed(head.seq), head.digest.as_bytes(), signed(head.unix_millis)]).map(|_| ())
}

fn read(connection: &Connection, node: &str) -> rusqlite::Result<Option<Head>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{OpenMode, StoreSettings};

    #[tokio::test]
    async fn the_newest_head_of_each_node_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings { path: directory.path().join("cambist.db") };
        let store = Store::open(&settings, &[SCHEMA], OpenMode::Serve).unwrap();
        let head = |seq| Head { seq, digest: Digest256::of(&[7]), unix_millis: seq * 1_000 };
        save_head(&store, "n1", head(5)).await.unwrap();
        save_head(&store, "n2", head(6)).await.unwrap();
        save_head(&store, "n1", head(9)).await.unwrap();
        save_head(&store, "n1", head(8)).await.unwrap();
        for (node, expected) in [("n1", Some(head(9))), ("n2", Some(head(6))), ("n3", None)] {
            assert_eq!(load_head(&store, node).unwrap(), expected, "{node}");
        }
    }
}
