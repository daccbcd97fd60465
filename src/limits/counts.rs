//! The counts of one limit, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::{Clock, Seconds};

use super::{LimitKind, Limited, MAX_COUNTED, Rate, Remaining};

/// One limit, and how much everybody used of it lately.
pub(super) struct Counts {
    kind: LimitKind,
    rate: Rate,
    /// Whoever is counted is known by a hash that nobody outside can compute: names of any length cost the same.
    hashes: RandomState,
    limiter: RateLimiter<u64, Bounded, Monotonic, StateInformationMiddleware>,
}

impl Counts {
    pub(super) fn new(kind: LimitKind, rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::with_period(rate.interval()).unwrap_or(Quota::per_second(rate.burst())).allow_burst(rate.burst());
        let limiter = RateLimiter::new(quota, Bounded::default(), Monotonic(clock));
        Self { kind, rate, hashes: RandomState::new(), limiter }
    }

    /// Counts one attempt, unless it is one too many. What is left.
    pub(super) fn admit(&self, whose: impl Hash) -> Result<Remaining, Limited> {
        let until = match self.limiter.check_key(&self.hashes.hash_one(whose)) {
            Ok(state) => {
                let attempts = state.remaining_burst_capacity();
                return Ok(Remaining { kind: self.kind, rate: self.rate, attempts });
            }
            Err(until) => until,
        };
        let wait = until.wait_time_from(self.limiter.clock().now());
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Err(Limited { kind: self.kind, rate: self.rate, retry_after: Seconds(seconds.max(1)) })
    }

    /// Forgets everybody whose whole burst is there again.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
    }

    /// How many are counted.
    pub(super) fn len(&self) -> usize {
        self.limiter.len()
    }
}

/// Our monotonic clock, as governor wants it.
struct Monotonic(Arc<dyn Clock>);

impl GovernorClock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// What governor remembers of each: at most [`MAX_COUNTED`] of them. Whoever finds no room is measured as though for the first time.
#[derive(Default)]
struct Bounded(Mutex<HashMap<u64, Nanos>>);

impl Bounded {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Nanos>> {
        // Nothing that holds it leaves half a change behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Bounded {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut counts = self.lock();
        let (outcome, next) = measure(counts.get(key).copied())?;
        if let Some(count) = counts.get_mut(key) {
            *count = next;
        } else if counts.len() < MAX_COUNTED {
            counts.insert(*key, next);
        }
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<u64> for Bounded {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut counts = self.lock();
        counts.retain(|_, count| *count > drop_below);
        // After a flood its memory is given back.
        if counts.len() < counts.capacity() / 4 {
            counts.shrink_to_fit();
        }
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}
