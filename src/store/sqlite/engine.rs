//! The SQLite engine's handle.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::deployment;
use super::files::{FileIdentity, io_error};
use super::lock::LockFile;
use super::open::open;
use super::reader::Reader;
use super::writer::{Job, QueuedJob, work};
use crate::store::{DeploymentId, OpenMode, Schema, SqliteSettings, StoreError};

/// An open database. Cheap to clone; the last clone to go closes the database and then releases the lock.
///
/// All jobs that write run one after the other on one thread. A job's answer comes after its group was committed and synced, so an answer is
/// durable; a job that fails or panics undoes only itself, unless it was run without a savepoint. Jobs of [`Self::read`] have a thread and a
/// connection of their own.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    created: bool,
    deployment: DeploymentId,
    identity: FileIdentity,
    path: PathBuf,
    /// None only while dropping.
    queue: Option<SyncSender<Box<dyn Job>>>,
    /// None only while dropping: its connection closes before the writer's, which then leaves nothing in the write-ahead log.
    reader: Option<Reader>,
    writer: Option<JoinHandle<()>>,
    /// Released after [`Drop`] has waited for the writer.
    _lock: Option<LockFile>,
}

impl SqliteStore {
    /// Opens the store and prepares its tables; see [`OpenMode`] for what may be created.
    ///
    /// # Errors
    /// Never creates over, repairs or empties an existing file: whatever is wrong with it is an error that says what to do.
    pub fn open(settings: &SqliteSettings, schemas: &[Schema], mode: OpenMode) -> Result<Self, StoreError> {
        let opened = open(settings, schemas, mode)?;
        let path = settings.path.clone();
        let identity = FileIdentity::of(&path).map_err(|error| io_error("look at", &path, error))?;
        let (queue, jobs) = sync_channel(LONGEST_QUEUE);
        let reader = Reader::start(&path)?;
        let conn = opened.conn;
        let writer = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || work(&conn, &jobs))
            .map_err(|error| io_error("start the writer thread of", &path, error))?;
        Ok(Self(Arc::new(Inner {
            created: opened.created,
            deployment: opened.deployment,
            identity,
            path,
            queue: Some(queue),
            reader: Some(reader),
            writer: Some(writer),
            _lock: opened.lock,
        })))
    }

    /// Runs a job and waits until it is durable.
    ///
    /// The job runs inside a savepoint: it must not begin, commit or roll back. A job once queued runs even when nobody waits for
    /// it any more.
    ///
    /// # Errors
    /// The job's own error; [`StoreError::Overloaded`] when the queue is full; else a failure of the whole group.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        // A caller that no longer waits is no error.
        self.0.queue(Box::new(QueuedJob::new(job, move |outcome| drop(reply.send(outcome)))))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Self::run`] for a frequent job that fails only when the database does, and never for what a stranger sends: without a savepoint, for which
    /// SQLite copies every page that the job touches. It must not begin, commit or roll back either.
    ///
    /// When it fails or panics, its whole group is rolled back, and for a while every job gets a savepoint.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_without_savepoint<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.queue(Box::new(QueuedJob::without_savepoint(job, move |outcome| drop(reply.send(outcome)))))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Runs a job that only looks. It sees what was committed before, waits for no writer, and nobody who writes waits for it.
    ///
    /// # Errors
    /// The job's own error, as when it tries to write; [`StoreError::Overloaded`] when too many wait.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let reader = self.0.reader.as_ref().ok_or(StoreError::Closed)?;
        reader.queue(Box::new(QueuedJob::new(job, move |outcome| drop(reply.send(outcome)))))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// [`Self::run`] for start-up and commands: blocks the thread.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = sync_channel(1);
        self.0.queue(Box::new(QueuedJob::new(job, move |outcome| drop(reply.send(outcome)))))?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Whether opening it created the store: nothing that happened before is known to it.
    #[must_use]
    pub fn created(&self) -> bool {
        self.0.created
    }

    /// The id of its history, as it was when it was opened.
    #[must_use]
    pub fn deployment(&self) -> &DeploymentId {
        &self.0.deployment
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether the path still leads to the files that were opened, with the same deployment id. Goes through the writer, so it also
    /// says whether that answers.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] when the answer is no.
    pub async fn check(&self) -> Result<(), StoreError> {
        let path = self.0.path.clone();
        let (identity, id) = self.run(move |conn| Ok((FileIdentity::of(&path).ok(), deployment::read(conn)?))).await?;
        if identity == Some(self.0.identity) && id.as_ref() == Some(&self.0.deployment) {
            Ok(())
        } else {
            Err(StoreError::Replaced { file: self.0.path.clone() })
        }
    }

    /// Gives the store a new deployment id. This handle then refuses [`Self::check`] and is to be dropped.
    ///
    /// # Errors
    /// As [`Self::run`]; then the old id stands.
    pub async fn reset_deployment(&self) -> Result<DeploymentId, StoreError> {
        self.run(deployment::write_new).await
    }
}

impl Inner {
    fn queue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.reader.take());
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            // A job may have held the last clone; a thread cannot wait for itself.
            && writer.thread().id() != thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.0.path).field("deployment", &self.0.deployment).finish_non_exhaustive()
    }
}

/// Jobs that may wait. At 50,000 a second this is a tenth of a second; beyond it, refusing is kinder than queueing.
const LONGEST_QUEUE: usize = 4_096;
