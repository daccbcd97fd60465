//! Work that outlives the connection that asked for it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::domain::Seconds;

use super::super::OauthError;

/// Runs exchanges, each in a task of its own: a client that hangs up cannot cancel one half way, and the drain waits for it.
///
/// Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Tracker {
    slots: Arc<Semaphore>,
    /// Every running task holds a receiver, so that the sender notices the last one's end.
    running: Arc<watch::Sender<()>>,
}

impl Tracker {
    /// Exchanges in flight at once, unless somebody chooses otherwise.
    pub const DEFAULT_MAX_IN_FLIGHT: usize = 512;

    /// Runs at most so many at once.
    #[must_use]
    pub fn new(max_in_flight: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(max_in_flight)), running: Arc::new(watch::Sender::new(())) }
    }

    /// Runs `work` to its end, whether or not the returned future is polled to its own.
    ///
    /// Takes its slot before it returns control: once this was polled, the drain waits for the work.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, NotRun> {
        let slot = Slot { _permit: Arc::clone(&self.slots).try_acquire_owned()?, _alive: self.running.subscribe() };
        let task = async move {
            let _slot = slot;
            work.await
        };
        tokio::spawn(task.in_current_span()).await.map_err(|_| NotRun::Panicked)
    }

    /// How many run now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.running.receiver_count()
    }

    /// Takes no more, and waits for those that run. False when some still ran at that instant; they are not cancelled.
    pub async fn drain(&self, until: Instant) -> bool {
        self.slots.close();
        timeout_at(until, self.running.closed()).await.is_ok()
    }
}

/// Held while a task runs, and released also when it panics.
struct Slot {
    _permit: OwnedSemaphorePermit,
    _alive: watch::Receiver<()>,
}

/// Why work gave no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotRun {
    /// Too much of it runs already. Nothing was done.
    #[error("too many exchanges are in flight")]
    Full,
    /// It panicked, which is a fault of ours. What it had done stays done.
    #[error("the exchange panicked")]
    Panicked,
    /// The server is being drained. Nothing was done.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl From<TryAcquireError> for NotRun {
    fn from(error: TryAcquireError) -> Self {
        match error {
            TryAcquireError::Closed => Self::ShuttingDown,
            TryAcquireError::NoPermits => Self::Full,
        }
    }
}

impl From<NotRun> for OauthError {
    fn from(error: NotRun) -> Self {
        match error {
            NotRun::Full => Self::unavailable("overloaded", Seconds(1)),
            NotRun::Panicked => Self::internal(),
            NotRun::ShuttingDown => Self::unavailable("shutting_down", Seconds(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn more_work_than_slots_is_refused_and_a_slot_is_freed_at_the_end() {
        let tracker = Tracker::new(1);
        let (finish, finished) = oneshot::channel::<()>();
        let first = tokio::spawn({
            let tracker = tracker.clone();
            async move { tracker.run(async { finished.await.is_ok() }).await }
        });
        while tracker.in_flight() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tracker.run(async {}).await, Err(NotRun::Full));
        finish.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(tracker.run(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn a_drain_waits_for_work_that_nobody_waits_for() {
        let tracker = Tracker::new(2);
        let (finish, finished) = oneshot::channel::<()>();
        let (report, reported) = oneshot::channel();
        let work = async move {
            let _ = report.send(finished.await.is_ok());
        };
        let mut asked = Box::pin(tracker.run(work));
        tokio::select! { biased; _ = &mut asked => unreachable!("it waits"), () = std::future::ready(()) => {} }
        drop(asked);
        assert!(!tracker.drain(Instant::now()).await, "it still runs");
        assert_eq!(tracker.run(async {}).await, Err(NotRun::ShuttingDown));
        finish.send(()).unwrap();
        assert!(tracker.drain(soon()).await);
        assert!(reported.await.unwrap(), "it ran to its end");
    }

    #[tokio::test]
    async fn a_panic_frees_its_slot() {
        let tracker = Tracker::new(1);
        let panicking = async { assert_eq!(1, 2, "expected in this test") };
        assert_eq!(tracker.run(panicking).await, Err(NotRun::Panicked));
        assert_eq!(tracker.run(async { 7 }).await, Ok(7));
        assert!(tracker.drain(soon()).await);
    }
}
