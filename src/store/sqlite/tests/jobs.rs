//! Groups, savepoints, answers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;

use super::super::SqliteStore;
use super::{insert, notes, open, serve};
use crate::store::{OpenMode, StoreError};

/// Keeps the writer busy until the sender of the returned gate speaks, so that whatever is queued meanwhile forms one group.
fn hold_writer(store: &SqliteStore) -> Sender<()> {
    let (open_gate, gate): (_, Receiver<()>) = channel();
    let (started, has_started) = channel();
    // Queued by the first poll; the job runs though nobody waits for it.
    let _ = poll_once(store.run(move |_| {
        started.send(()).unwrap();
        let _ = gate.recv();
        Ok(())
    }));
    has_started.recv().unwrap();
    open_gate
}

fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_failing_job_undoes_only_itself_in_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let gate = hold_writer(&store);
    let good = store.run(insert("good"));
    let bad = store.run(|conn| insert("half of a bad job")(conn).and_then(|()| insert("refused")(conn)));
    let twice = store.run(insert("good"));
    let panicking = store.run(|conn| -> rusqlite::Result<()> {
        insert("half of a panic")(conn)?;
        panic!("on purpose")
    });
    let last = store.run(insert("last"));
    // Polled in this order: all are queued when the writer goes on.
    let (good, bad, twice, panicking, last, ()) = tokio::join!(good, bad, twice, panicking, last, async { drop(gate) });
    assert!(good.is_ok() && last.is_ok(), "{good:?} {last:?}");
    assert!(matches!(bad, Err(StoreError::Sqlite(_))), "{bad:?}");
    assert!(matches!(twice, Err(StoreError::Sqlite(_))), "a job sees what earlier jobs of its group wrote: {twice:?}");
    assert!(matches!(panicking, Err(StoreError::Panicked)), "{panicking:?}");
    assert_eq!(notes(&store), ["good", "last"]);
}

#[tokio::test]
async fn a_job_without_savepoint_takes_its_group_along_when_it_fails() {
    for (panics, why) in [(false, "it fails"), (true, "it panics")] {
        let directory = tempfile::tempdir().unwrap();
        let store = serve(directory.path());
        let gate = hold_writer(&store);
        let before = store.run_without_savepoint(insert("before"));
        let culprit = store.run_without_savepoint(move |conn| {
            insert("half of it")(conn)?;
            assert!(!panics, "on purpose");
            insert("refused")(conn)
        });
        let after = store.run(insert("after"));
        let (before, culprit, after, ()) = tokio::join!(before, culprit, after, async { drop(gate) });
        assert!(matches!(culprit, Err(StoreError::Sqlite(_) | StoreError::Panicked)), "{why}: its own error: {culprit:?}");
        let cause = culprit.unwrap_err().to_string();
        for (other, what) in [(before, "it ran, and was undone"), (after, "it never ran")] {
            let said = other.unwrap_err().to_string();
            assert_eq!(said, format!("the store rolled back the whole group of writes: {cause}"), "{why}: {what}");
        }
        assert_eq!(notes(&store), [""; 0], "{why}");
        store.run_without_savepoint(insert("the writer lives on")).await.unwrap();
        assert_eq!(notes(&store), ["the writer lives on"], "{why}");
    }
}

#[tokio::test]
async fn a_job_that_fails_again_and_again_takes_one_group_along() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let culprit = || store.run_without_savepoint(|conn| insert("half of it")(conn).and_then(|()| insert("refused")(conn)));
    assert!(culprit().await.is_err());
    for round in ["first", "second", "third"] {
        let gate = hold_writer(&store);
        let good = store.run_without_savepoint(insert(round));
        let (good, bad, ()) = tokio::join!(good, culprit(), async { drop(gate) });
        assert!(good.is_ok() && bad.is_err(), "{round}: {good:?} {bad:?}");
    }
    assert_eq!(notes(&store), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_job_with_a_savepoint_undoes_only_itself_among_jobs_without() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let gate = hold_writer(&store);
    let before = store.run_without_savepoint(insert("before"));
    let culprit = store.run(|conn| insert("half of it")(conn).and_then(|()| insert("refused")(conn)));
    let after = store.run_without_savepoint(insert("after"));
    let (before, culprit, after, ()) = tokio::join!(before, culprit, after, async { drop(gate) });
    assert!(before.is_ok() && culprit.is_err() && after.is_ok(), "{before:?} {culprit:?} {after:?}");
    assert_eq!(notes(&store), ["after", "before"]);
}

#[tokio::test]
async fn when_the_transaction_is_lost_nobody_is_told_a_success() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let gate = hold_writer(&store);
    let before = store.run(insert("before"));
    // What SQLite does by itself when the disk is full.
    let culprit = store.run(|conn| conn.execute_batch("ROLLBACK"));
    let after = store.run(insert("after"));
    let (before, culprit, after, ()) = tokio::join!(before, culprit, after, async { drop(gate) });
    assert!(matches!(culprit, Err(StoreError::RolledBack { cause: None })), "{culprit:?}");
    assert!(matches!(before, Err(StoreError::RolledBack { .. })), "it ran, and was undone: {before:?}");
    assert!(matches!(after, Err(StoreError::RolledBack { .. })), "it never ran: {after:?}");
    assert_eq!(notes(&store), [""; 0]);
}

#[test]
fn a_commit_that_fails_fails_every_job_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let deferred = "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id INTEGER REFERENCES parent
        DEFERRABLE INITIALLY DEFERRED);";
    store.run_blocking(move |conn| conn.execute_batch(deferred)).unwrap();
    // The violation shows at COMMIT only.
    let failed = store.run_blocking(|conn| conn.execute_batch("INSERT INTO note VALUES ('lost'); INSERT INTO child VALUES (7)"));
    assert!(matches!(failed, Err(StoreError::Sqlite(_))), "{failed:?}");
    assert_eq!(notes(&store), [""; 0]);
    store.run_blocking(insert("the writer lives on")).unwrap();
    assert_eq!(notes(&store), ["the writer lives on"]);
}

#[test]
fn a_full_queue_refuses_at_once_and_an_abandoned_job_still_runs() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let gate = hold_writer(&store);
    let ran = Arc::new(());
    let overloaded = (0..10_000).find_map(|_| {
        let mark = Arc::clone(&ran);
        let answer = poll_once(store.run(move |_| {
            drop(mark);
            Ok(())
        }));
        if let Poll::Ready(answer) = answer { Some(answer) } else { None }
    });
    assert!(matches!(overloaded, Some(Err(StoreError::Overloaded))), "{overloaded:?}");
    assert!(Arc::strong_count(&ran) > 4_000);
    drop(gate);
    drop(store);
    assert_eq!(Arc::strong_count(&ran), 1, "closing waits for what was queued");
}

#[test]
fn two_writers_on_one_file_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let count = |conn: &Connection| conn.execute("INSERT INTO note SELECT 'n' || count(*) FROM note", []).map(drop);
    std::thread::scope(|scope| {
        for mode in [OpenMode::Command, OpenMode::Command] {
            let command = open(directory.path(), mode).unwrap();
            scope.spawn(move || (0..50).for_each(|_| command.run_blocking(count).unwrap()));
        }
        (0..50).for_each(|_| server.run_blocking(count).unwrap());
    });
    assert_eq!(notes(&server).len(), 150);
}

#[tokio::test]
async fn a_job_that_only_looks_waits_for_no_writer_and_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let count = |conn: &Connection| conn.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, i64>(0));
    assert_eq!(store.read(count).await.unwrap(), 0);
    store.run(insert("durable")).await.unwrap();
    assert_eq!(store.read(count).await.unwrap(), 1, "what was answered is seen");
    let gate = hold_writer(&store);
    let queued = store.run(insert("queued"));
    let looked = async {
        let seen = store.read(count).await;
        drop(gate);
        seen
    };
    let (queued, looked) = tokio::join!(queued, looked);
    assert_eq!((queued.is_ok(), looked.unwrap()), (true, 1), "the writer was busy");
    let refused = store.read(insert("refused to a reader")).await;
    assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{refused:?}");
    let panicking = store.read(|_| -> rusqlite::Result<()> { panic!("on purpose") }).await;
    assert!(matches!(panicking, Err(StoreError::Panicked)), "{panicking:?}");
    assert_eq!(store.read(count).await.unwrap(), 2, "and goes on");
    drop(store);
    let left = std::fs::metadata(directory.path().join("state/cambist.db-wal"));
    assert!(left.is_err(), "closing leaves no log behind: {left:?}");
}

#[test]
fn a_full_queue_of_readers_refuses_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = serve(directory.path());
    let (open_gate, gate): (Sender<()>, Receiver<()>) = channel();
    let _ = poll_once(store.read(move |_| {
        let _ = gate.recv();
        Ok(())
    }));
    let overloaded = (0..10_000).find_map(|_| match poll_once(store.read(|_| Ok(()))) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    });
    assert!(matches!(overloaded, Some(Err(StoreError::Overloaded))), "{overloaded:?}");
    store.run_blocking(insert("the writer is free")).unwrap();
    drop(open_gate);
}
