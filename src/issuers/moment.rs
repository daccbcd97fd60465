//! When something happened, on both clocks.

use std::time::Duration;

use crate::domain::{Clock, Timestamp};

/// An instant of the monotonic and of the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) monotonic: Duration,
    pub(super) wall: Timestamp,
}

impl Moment {
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), wall: clock.now() }
    }

    /// How old something of that instant is: the longer of both counts. A wall clock that is set back cannot make keys younger than
    /// they are, and neither can a machine that slept, whose monotonic clock stood still.
    pub(super) fn age_of(self, earlier: Self) -> Duration {
        self.pause_since(earlier).max(self.wall.since(earlier.wall).as_duration())
    }

    /// How long a pause since that instant lasts so far: monotonic, because steps of the wall clock must not shorten it.
    pub(super) fn pause_since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }
}
