//! The deployment id, in its table.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::{DeploymentId, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: "deployment",
    sql: "CREATE TABLE IF NOT EXISTS deployment (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL) STRICT;",
};

/// The id of a store whose table exists.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<DeploymentId>> {
    let mut select = conn.prepare_cached("SELECT id FROM deployment WHERE only = 1")?;
    select.query_row([], |row| row.get::<_, String>(0)).optional().map(|id| id.map(|id| DeploymentId::found(&id)))
}

/// Gives the store a new id.
pub(super) fn write_new(conn: &Connection) -> rusqlite::Result<DeploymentId> {
    let id = DeploymentId::random();
    conn.execute("INSERT OR REPLACE INTO deployment (only, id) VALUES (1, ?1)", params![id.as_str()])?;
    Ok(id)
}
