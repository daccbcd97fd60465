//! Opening a database: what may be created, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::deployment;
use super::files::{create_parent, create_whole, io_error, is_there};
use super::lock::LockFile;
use crate::store::{DeploymentId, OpenMode, Schema, SqliteSettings, StoreError};

/// A database that was found or made fit for use.
pub(super) struct Opened {
    pub(super) conn: Connection,
    pub(super) created: bool,
    pub(super) deployment: DeploymentId,
    pub(super) lock: Option<LockFile>,
}

pub(super) fn open(settings: &SqliteSettings, schemas: &[Schema], mode: OpenMode) -> Result<Opened, StoreError> {
    let path = &settings.path;
    let lock = match mode {
        OpenMode::Command => None,
        OpenMode::Serve | OpenMode::Init { .. } => {
            create_parent(path)?;
            Some(LockFile::take(path)?)
        }
    };
    let mut created = false;
    if !is_there(path)? {
        if mode == OpenMode::Command {
            return Err(StoreError::Missing { file: path.clone() });
        }
        create_whole(path, create)?;
        created = true;
    }
    let conn = connect(path)?;
    if check_header(&conn, path)? == Header::Empty {
        if !matches!(mode, OpenMode::Init { .. }) {
            return Err(StoreError::NotInitialised { file: path.clone() });
        }
        initialise(&conn)?;
        created = true;
    }
    if mode != OpenMode::Command {
        check_pages(&conn, path)?;
        warn_of_loose_permissions(path);
    }
    let deployment = known_id(&conn, path, mode, &mut created)?;
    use_write_ahead_log(&conn, path)?;
    prepare_tables(&conn, schemas)?;
    Ok(Opened { conn, created, deployment, lock })
}

/// Opens a database that is open for writing already, so as to read it only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| unreadable(path, error))?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    let settings = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
    conn.execute_batch(settings).map_err(|error| unreadable(path, error))?;
    Ok(conn)
}

/// Fills the file of a new database: header and deployment id, in one transaction.
fn create(draft: &Path) -> Result<(), StoreError> {
    let conn = connect(draft)?;
    initialise(&conn)?;
    conn.close().map_err(|(_, error)| error.into())
}

fn initialise(conn: &Connection) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.execute_batch(deployment::SCHEMA.sql)?;
    deployment::write_new(&transaction)?;
    Ok(transaction.commit()?)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // Without the flag for URIs, a path that happens to start with `file:` is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| unreadable(path, error))?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // The last two matter on macOS only, where a plain fsync leaves the data in the disk's cache.
    let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
        PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;";
    conn.execute_batch(settings).map_err(|error| unreadable(path, error))?;
    Ok(conn)
}

#[derive(PartialEq)]
enum Header {
    Empty,
    Ours,
}

fn check_header(conn: &Connection, path: &Path) -> Result<Header, StoreError> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| unreadable(path, error));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, tables) {
        (APPLICATION_ID, _) if version > SCHEMA_VERSION => {
            Err(StoreError::Newer { file: path.into(), found: version, known: SCHEMA_VERSION })
        }
        (APPLICATION_ID, _) => Ok(Header::Ours),
        (0, 0) => Ok(Header::Empty),
        _ => Err(StoreError::Foreign { file: path.into() }),
    }
}

/// Looks for damage, where that costs no noticeable start-up time.
fn check_pages(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let size = fs::metadata(path).map_err(|error| io_error("look at", path, error))?.len();
    if size > CHECKED_BYTES {
        return Ok(());
    }
    let found = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map_err(|error| unreadable(path, error))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt { file: path.into(), cause: found.into() }) }
}

fn known_id(conn: &Connection, path: &Path, mode: OpenMode, created: &mut bool) -> Result<DeploymentId, StoreError> {
    conn.execute_batch(deployment::SCHEMA.sql)?;
    match (deployment::read(conn)?, mode) {
        (Some(deployment), OpenMode::Init { accept_loss: false }) if !*created => {
            Err(StoreError::AlreadyInitialised { place: path.display().to_string(), deployment })
        }
        (Some(deployment), _) => Ok(deployment),
        (None, OpenMode::Init { .. }) => {
            *created = true;
            Ok(deployment::write_new(conn)?)
        }
        (None, OpenMode::Serve | OpenMode::Command) => Err(StoreError::NotInitialised { file: path.into() }),
    }
}

fn use_write_ahead_log(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let mode = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    if mode == "wal" { Ok(()) } else { Err(StoreError::NoWriteAheadLog { file: path.into(), mode: mode.into() }) }
}

fn prepare_tables(conn: &Connection, schemas: &[Schema]) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    for schema in schemas {
        tracing::debug!(store.kind = schema.kind, "preparing tables");
        transaction.execute_batch(schema.sql)?;
    }
    Ok(transaction.commit()?)
}

fn warn_of_loose_permissions(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(store.file = %path.display(), store.mode = %format_args!("{:o}", mode & 0o777),
            "others can read the store; run `chmod 600` on it and on the files beside it");
    }
}

fn unreadable(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Corrupt { file: path.into(), cause: error.to_string().into() }
        }
        _ => error.into(),
    }
}

/// "camb": marks the file as ours, so that another program's database is never written to.
const APPLICATION_ID: i64 = 0x6361_6d62;
/// Raised when a table changes in a way that an older cambist would misread.
const SCHEMA_VERSION: i64 = 1;
/// How long a write waits for a command's short transaction. Well under the clock offset that the replay guard tolerates.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const PREPARED_STATEMENTS: usize = 64;
/// Files up to this size are checked whole when they are opened: some tenths of a second.
const CHECKED_BYTES: u64 = 64 * 1024 * 1024;
