//! When the store was last looked at: a node that was away must not sign with what it remembers.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::domain::{Clock, Timestamp};
use crate::store::Store;

/// One look at the store, by its beginning: what was read is at least as new.
///
/// By two clocks, because each has its way to miss a pause: the monotonic one stands still while the whole machine sleeps, the wall clock
/// may be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    monotonic: Duration,
    wall: Timestamp,
    losses: u64,
}

impl Look {
    /// Begins now.
    pub(super) fn begin(clock: &dyn Clock, store: &Store) -> Self {
        Self { monotonic: clock.monotonic(), wall: clock.now(), losses: store.losses() }
    }

    fn soon_after(&self, earlier: &Self) -> bool {
        let wall = self.wall.since(earlier.wall).as_duration();
        self.monotonic.saturating_sub(earlier.monotonic).max(wall) <= LONGEST
    }
}

/// The last look whose outcome counts.
pub(super) struct Looks {
    clock: Arc<dyn Clock>,
    last: ArcSwap<Look>,
    store: Store,
}

impl Looks {
    pub(super) fn new(clock: Arc<dyn Clock>, store: Store, first: Look) -> Self {
        Self { clock, last: ArcSwap::from_pointee(first), store }
    }

    pub(super) fn begin(&self) -> Look {
        Look::begin(&*self.clock, &self.store)
    }

    /// What it read is what we hold now.
    pub(super) fn saw(&self, look: Look) {
        self.last.store(Arc::new(look));
    }

    /// The store gave no answer. That counts as long as we have been looking all the time: nobody else can have changed a ring that could
    /// be reached by nobody. After a pause it does not; then only an answer does.
    pub(super) fn saw_nothing(&self, look: Look) {
        let last = self.last.load();
        if look.soon_after(&last) {
            self.last.store(Arc::new(Look { losses: last.losses, ..look }));
        }
    }

    /// Whether the store was found to have lost everything since.
    pub(super) fn before_a_loss(&self) -> bool {
        self.last.load().losses != self.store.losses()
    }

    /// Whether others may have changed the ring without our notice. With SQLite there are no other servers.
    pub(super) fn too_long_ago(&self) -> bool {
        self.store.is_shared() && !self.begin().soon_after(&self.last.load())
    }
}

/// The longest time without a look after which we still sign: ten looks are due in it.
const LONGEST: Duration = Duration::from_secs(10);
