//! The writer thread: jobs in groups, each with a savepoint or with none, answered after the group is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::StoreError;

/// A job in the queue, with the way back to whoever waits for its answer.
pub(super) trait Job: Send {
    /// Runs it; what it wrote must be undone when it fails.
    fn run(&mut self, conn: &Connection) -> Result<(), StoreError>;
    /// Whether that can be undone alone.
    fn has_savepoint(&self) -> bool;
    /// Answers, once the fate of the group is known.
    fn answer(self: Box<Self>, group: &Result<(), StoreError>);
}

/// A closure and the closure that takes its answer.
pub(super) struct QueuedJob<T, J, R> {
    job: Option<J>,
    outcome: Option<Result<T, StoreError>>,
    reply: R,
    savepoint: bool,
}

impl<T, J, R> QueuedJob<T, J, R> {
    pub(super) fn new(job: J, reply: R) -> Self {
        Self { job: Some(job), outcome: None, reply, savepoint: true }
    }

    /// One that takes its whole group along when it fails.
    pub(super) fn without_savepoint(job: J, reply: R) -> Self {
        Self { savepoint: false, ..Self::new(job, reply) }
    }
}

impl<T, J, R> Job for QueuedJob<T, J, R>
where
    T: Send,
    J: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let Some(job) = self.job.take() else { return Err(StoreError::Closed) };
        // Unwind safety: everything the job touched is dropped with it, or rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| job(conn)));
        let outcome = outcome.map_or(Err(StoreError::Panicked), |ran| ran.map_err(StoreError::from));
        let done = outcome.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.outcome = Some(outcome);
        done
    }

    fn has_savepoint(&self) -> bool {
        self.savepoint
    }

    fn answer(self: Box<Self>, group: &Result<(), StoreError>) {
        let answer = match (self.outcome, group) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)) | None, Err(error)) => Err(error.clone()),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        (self.reply)(answer);
    }
}

/// Runs until every sender of the queue is gone.
pub(super) fn work(conn: &Connection, queue: &Receiver<Box<dyn Job>>) {
    let mut failing = false;
    let mut shared = false;
    let mut careful = 0_u32;
    while let Ok(first) = queue.recv() {
        if shared {
            thread::sleep(GATHERING);
        }
        let mut group = vec![first];
        group.extend(queue.try_iter().take(LARGEST_GROUP - 1));
        shared = group.len() >= BUSY_GROUP;
        let fate = commit(conn, &mut group, careful > 0);
        careful = if matches!(fate, Err(StoreError::RolledBack { .. })) { CAREFUL_GROUPS } else { careful.saturating_sub(1) };
        // One line when trouble begins and one when it ends, not one per group.
        match &fate {
            Err(error) if !failing => tracing::error!(error = %error, "the store cannot commit"),
            Ok(()) if failing => tracing::info!("the store commits again"),
            Ok(()) | Err(_) => {}
        }
        failing = fate.is_err();
        for job in group {
            job.answer(&fate);
        }
    }
}

/// One transaction for the whole group. An error means that none of it may be believed. Carefully: with a savepoint for every job.
fn commit(conn: &Connection, group: &mut [Box<dyn Job>], careful: bool) -> Result<(), StoreError> {
    if !conn.is_autocommit() {
        // An earlier group could not even be rolled back.
        execute(conn, "ROLLBACK")?;
    }
    execute(conn, "BEGIN IMMEDIATE")?;
    let done = run_all(conn, group, careful).and_then(|()| execute(conn, "COMMIT"));
    if done.is_err() && !conn.is_autocommit() {
        // Its own failure shows when the next group begins.
        let _ = execute(conn, "ROLLBACK");
    }
    done
}

fn run_all(conn: &Connection, group: &mut [Box<dyn Job>], careful: bool) -> Result<(), StoreError> {
    for job in group {
        let savepoint = careful || job.has_savepoint();
        if savepoint {
            execute(conn, "SAVEPOINT job")?;
        }
        let failed = job.run(conn).err();
        // A full disk, for one, makes SQLite roll back everything at once; jobs after that would run outside any transaction.
        if conn.is_autocommit() || (failed.is_some() && !savepoint) {
            return Err(StoreError::RolledBack { cause: failed.map(Arc::new) });
        }
        if failed.is_some() {
            execute(conn, "ROLLBACK TO job")?;
        }
        if savepoint {
            execute(conn, "RELEASE job")?;
        }
    }
    Ok(())
}

fn execute(conn: &Connection, sql: &'static str) -> Result<(), StoreError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Groups after a loss in which every job has a savepoint: what made one job fail will make it fail again, and those beside it must not be lost
/// each time.
const CAREFUL_GROUPS: u32 = 4_096;
/// Bounds how long the first job of a group waits for the last.
const LARGEST_GROUP: usize = 512;
/// A group of this many says that more jobs are on their way than one: the next group then waits for them a little.
const BUSY_GROUP: usize = 4;
/// How long. A commit costs as much for one job as for fifty; a job that comes alone never waits.
const GATHERING: Duration = Duration::from_millis(1);
