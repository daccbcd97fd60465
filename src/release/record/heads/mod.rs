//! Heads kept in the store: what a log must still hold.

mod redis;
mod sqlite;

use crate::store::{Store, StoreError};

use super::Head;

pub use sqlite::SCHEMA;

/// Keeps the head of a node's chain. One that was overtaken is not kept: two may be on their way at once.
pub async fn save_head(store: &Store, node: &str, head: Head) -> Result<(), StoreError> {
    match store {
        Store::Sqlite(store) => {
            let node: Box<str> = node.into();
            store.run(move |connection| sqlite::write(connection, &node, &head)).await
        }
        Store::Redis(store) => redis::save(store, node, &head).await,
    }
}

/// The head that was kept for a node.
pub async fn load_head(store: &Store, node: &str) -> Result<Option<Head>, StoreError> {
    match store {
        Store::Sqlite(store) => {
            let node: Box<str> = node.into();
            store.run(move |connection| sqlite::read(connection, &node)).await
        }
        Store::Redis(store) => redis::load(store, node).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Digest256;
    use crate::store::{OpenMode, SqliteSettings};

    #[tokio::test]
    async fn the_newest_head_of_each_node_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let settings = SqliteSettings { path: directory.path().join("cambist.db") };
        let store = Store::sqlite(&settings, &[SCHEMA], OpenMode::Serve).unwrap();
        let head = |seq| Head { seq, digest: Digest256::of(&[7]), unix_millis: seq * 1_000 };
        save_head(&store, "n1", head(5)).await.unwrap();
        save_head(&store, "n2", head(6)).await.unwrap();
        save_head(&store, "n1", head(9)).await.unwrap();
        save_head(&store, "n1", head(8)).await.unwrap();
        for (node, expected) in [("n1", Some(head(9))), ("n2", Some(head(6))), ("n3", None)] {
            assert_eq!(load_head(&store, node).await.unwrap(), expected, "{node}");
        }
    }
}
