//! The deployment id: tells one store's history from another's.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::random_bytes;

use super::Schema;

/// Names one history of one store: 128 random bits, written once. A store that shows another id is another store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeploymentId(Arc<str>);

impl DeploymentId {
    fn random() -> Self {
        let mut text = String::with_capacity(32);
        for byte in random_bytes::<16>() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) const SCHEMA: Schema = Schema {
    kind: "deployment",
    sql: "CREATE TABLE IF NOT EXISTS deployment (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL) STRICT;",
};

/// The id of a store whose table exists.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<DeploymentId>> {
    let mut select = conn.prepare_cached("SELECT id FROM deployment WHERE only = 1")?;
    select.query_row([], |row| row.get::<_, String>(0)).optional().map(|id| id.map(|id| DeploymentId(id.into())))
}

/// Gives the store a new id.
pub(super) fn write_new(conn: &Connection) -> rusqlite::Result<DeploymentId> {
    let id = DeploymentId::random();
    conn.execute("INSERT OR REPLACE INTO deployment (only, id) VALUES (1, ?1)", params![id.as_str()])?;
    Ok(id)
}
