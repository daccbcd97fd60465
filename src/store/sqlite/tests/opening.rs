//! What may be created, what is refused, what is noticed later.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::{insert, notes, open, serve};
use crate::store::{OpenMode, StoreError};

#[test]
fn a_missing_file_is_created_for_its_owner_only_and_has_an_id() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    assert!(store.created());
    assert_eq!(store.deployment().as_str().len(), 32);
    let mode = |name: &str| fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("state"), 0o700);
    for file in ["cambist.db", "cambist.db-wal", "cambist.db-shm", "cambist.db.lock"] {
        assert_eq!(mode(&format!("state/{file}")), 0o600, "{file}");
    }
}

#[test]
fn what_was_answered_is_there_after_a_restart_under_the_same_id() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    store.run_blocking(insert("kept")).unwrap();
    let id = store.deployment().clone();
    drop(store);

    let again = serve(directory.path());
    assert!(!again.created());
    assert_eq!(again.deployment(), &id);
    assert_eq!(notes(&again), ["kept"]);
}

#[test]
fn what_was_answered_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    store.run_blocking(insert("kept")).unwrap();
    // What a crash leaves: the files as they are now, without an orderly close.
    let after = tempfile::tempdir().unwrap();
    fs::create_dir(after.path().join("state")).unwrap();
    for name in ["state/cambist.db", "state/cambist.db-wal"] {
        fs::copy(directory.path().join(name), after.path().join(name)).unwrap();
    }
    let again = serve(after.path());
    assert_eq!(again.deployment(), store.deployment());
    assert_eq!(notes(&again), ["kept"]);
}

#[test]
fn the_write_is_durable_settings_are_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let read = |conn: &Connection| {
        let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
        let journal = conn.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))?;
        Ok((journal, one("PRAGMA synchronous")?, one("PRAGMA foreign_keys")?))
    };
    assert_eq!(serve(directory.path()).run_blocking(read).unwrap(), ("wal".to_owned(), 2, 1));
}

#[test]
fn a_second_server_is_refused_and_commands_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let second = open(directory.path(), OpenMode::Serve).unwrap_err();
    assert!(matches!(second, StoreError::Locked { .. }), "{second}");
    assert!(second.to_string().contains("cambist.db.lock is locked. Stop that server first"), "{second}");
    let init = open(directory.path(), OpenMode::Init { accept_loss: true }).unwrap_err();
    assert!(matches!(init, StoreError::Locked { .. }), "nobody may serve while history is cut off: {init}");

    let command = open(directory.path(), OpenMode::Command).unwrap();
    command.run_blocking(insert("by a command")).unwrap();
    assert_eq!(notes(&store), ["by a command"]);

    drop(store);
    drop(command);
    assert!(!serve(directory.path()).created(), "the lock ends with the store");
}

#[test]
fn a_command_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let error = open(directory.path(), OpenMode::Command).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!directory.path().join("state").exists());
}

#[test]
fn a_file_that_is_not_our_store_is_refused_and_left_as_it_is() {
    let mut damaged = fs::read(sample_database()).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle..].fill(0x5a);
    let foreign = {
        let file = tempfile::NamedTempFile::new().unwrap();
        Connection::open(file.path()).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        fs::read(file.path()).unwrap()
    };
    let truncated = fs::read(sample_database()).unwrap()[..4096].to_vec();
    for (content, expected, why) in [
        (b"".to_vec(), "run `cambist store init`", "emptied"),
        (b"hello, this is no database".repeat(99), "damaged or not an SQLite database", "a text file"),
        (damaged, "damaged or not an SQLite database", "half overwritten"),
        (truncated, "damaged or not an SQLite database", "torn off after the first page"),
        (foreign, "database of another program", "another program's"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state/cambist.db");
        fs::create_dir(directory.path().join("state")).unwrap();
        fs::write(&file, &content).unwrap();
        let error = open(directory.path(), OpenMode::Serve).unwrap_err().to_string();
        assert!(error.contains(expected), "{why}: {error}");
        assert_eq!(fs::read(&file).unwrap(), content, "{why}: untouched");
    }
}

/// A database of several pages, as bytes on disk with an empty write-ahead log.
fn sample_database() -> tempfile::TempPath {
    let directory = tempfile::tempdir().unwrap();
    drop(serve(directory.path()));
    let copy = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    fs::copy(directory.path().join("state/cambist.db"), &copy).unwrap();
    copy
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    store.run_blocking(|conn| conn.pragma_update(None, "user_version", 2)).unwrap();
    drop(store);
    let error = open(directory.path(), OpenMode::Serve).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_crash_while_the_file_is_created_leaves_nothing_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::write(state.join("cambist.db.new"), "half a database").unwrap();
    // The log of a deleted database: SQLite would replay it into the new file.
    fs::write(state.join("cambist.db-wal"), "stale").unwrap();
    let store = serve(directory.path());
    assert!(store.created());
    assert_eq!(notes(&store), [""; 0]);
    assert!(!state.join("cambist.db.new").exists());
}

#[tokio::test]
async fn init_gives_an_id_once_and_a_new_one_only_when_loss_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), OpenMode::Init { accept_loss: false }).unwrap();
    assert!(store.created());
    let first = store.deployment().clone();
    drop(store);

    let error = open(directory.path(), OpenMode::Init { accept_loss: false }).unwrap_err();
    assert!(error.to_string().contains("--accept-loss"), "{error}");
    assert!(matches!(error, StoreError::AlreadyInitialised { deployment, .. } if deployment == first));

    let store = open(directory.path(), OpenMode::Init { accept_loss: true }).unwrap();
    store.run(insert("kept")).await.unwrap();
    let second = store.reset_deployment().await.unwrap();
    drop(store);
    assert_ne!(first, second);
    let store = serve(directory.path());
    assert_eq!(store.deployment(), &second);
    assert_eq!(notes(&store), ["kept"]);
}

#[test]
fn init_gives_an_emptied_file_an_id() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("state")).unwrap();
    fs::write(directory.path().join("state/cambist.db"), "").unwrap();
    assert!(open(directory.path(), OpenMode::Init { accept_loss: false }).unwrap().created());
    assert!(!serve(directory.path()).created());
}

#[tokio::test]
async fn a_store_that_vanishes_or_is_replaced_is_noticed() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("deleted", |file| fs::remove_file(file).unwrap()),
        ("replaced by a copy", |file| {
            fs::copy(file, file.with_extension("copy")).unwrap();
            fs::rename(file.with_extension("copy"), file).unwrap();
        }),
        ("its log deleted", |file| fs::remove_file(file.with_extension("db-wal")).unwrap()),
        ("another id", |file| {
            Connection::open(file).unwrap().execute("UPDATE deployment SET id = 'x'", []).unwrap();
        }),
    ];
    for (why, harm) in harms {
        let directory = tempfile::tempdir().unwrap();
        let store = serve(directory.path());
        store.check().await.unwrap();
        harm(store.path());
        let found = store.check().await;
        assert!(matches!(found, Err(StoreError::Replaced { .. })), "{why}: {found:?}");
    }
}
