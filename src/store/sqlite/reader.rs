//! The reader thread: jobs that only look, one after the other, on a connection that cannot write.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::files::io_error;
use super::open::open_for_reading;
use super::writer::Job;
use crate::store::StoreError;

/// What strangers may cause is read here: it stands in no writer's way, and waits for none.
///
/// A job sees everything that was committed before it ran.
pub(super) struct Reader {
    /// None only while dropping.
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Reads the database at this path, which was opened for writing before.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let conn = open_for_reading(path)?;
        let (queue, jobs) = sync_channel(LONGEST_QUEUE);
        let thread = thread::Builder::new()
            .name("store-reader".into())
            .spawn(move || work(&conn, &jobs))
            .map_err(|error| io_error("start the reader thread of", path, error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn queue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            // A job may have held the last clone; a thread cannot wait for itself.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// Runs until every sender of the queue is gone.
fn work(conn: &Connection, queue: &Receiver<Box<dyn Job>>) {
    while let Ok(mut job) = queue.recv() {
        // Its answer says what it failed with, and there is nothing to undo.
        let _ = job.run(conn);
        job.answer(&Ok(()));
    }
}

/// Jobs that may wait: some milliseconds of work.
const LONGEST_QUEUE: usize = 1_024;
