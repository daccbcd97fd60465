//! The bindings in SQLite.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::{IssuerId, IssuerName};
use crate::store::Schema;

/// The table of bindings. Rows are never changed and never deleted.
pub const SCHEMA: Schema = Schema {
    kind: "issuer_bindings",
    sql: "CREATE TABLE IF NOT EXISTS issuer_binding (name TEXT PRIMARY KEY, url TEXT NOT NULL) STRICT, WITHOUT ROWID;",
};

/// The URL that each name stands for; nothing was written when one differs from the one given.
pub(super) fn bind_all(conn: &Connection, issuers: &[(IssuerName, IssuerId)]) -> rusqlite::Result<Vec<String>> {
    let mut bound = Vec::new();
    for (index, (name, given)) in issuers.iter().enumerate() {
        let earlier = issuers[..index].iter().find(|(other, _)| other == name).map(|(_, url)| url.as_str().to_owned());
        let found = match bound_url(conn, name)? {
            Some(url) => Some(url),
            None => earlier,
        };
        bound.push(found.unwrap_or_else(|| given.as_str().to_owned()));
    }
    if bound.iter().zip(issuers).all(|(bound, (_, given))| bound == given.as_str()) {
        let mut insert = conn.prepare_cached("INSERT INTO issuer_binding (name, url) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?;
        for (name, url) in issuers {
            insert.execute(params![name.as_str(), url.as_str()])?;
        }
    }
    Ok(bound)
}

fn bound_url(conn: &Connection, name: &IssuerName) -> rusqlite::Result<Option<String>> {
    let mut select = conn.prepare_cached("SELECT url FROM issuer_binding WHERE name = ?1")?;
    select.query_row([name.as_str()], |row| row.get(0)).optional()
}
