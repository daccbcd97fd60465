//! The keys of one issuer, read when they are needed and never more often than that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

use crate::domain::{Clock, Digest256};
use crate::outbound::Outbound;
use crate::token::{KeySet, RejectedToken};

use super::budget::Budget;
use super::key_source::{KeyOrigin, KeysUnread};
use super::key_state::{Change, KeyState, Reading, Standing};
use super::landing::Landing;
use super::moment::Moment;
use super::{IssuerHealth, KEPT_WARM_FOR, KeysError, MAX_WAITING};

/// Single flight: at most one reading of this issuer's keys is under way, in a task of its own, so that a request that goes away
/// neither cancels it for the others nor leaves it half done. Nothing here is shared with another issuer.
pub(super) struct KeyCache {
    pub(super) origin: KeyOrigin,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    /// Held for moments only, never over an await.
    inner: Mutex<Inner>,
    /// Places for requests that wait for a reading.
    places: Semaphore,
    /// Monotonic milliseconds of the last use, plus one; zero for never.
    last_use: AtomicU64,
}

struct Inner {
    keys: KeyState,
    budget: Budget,
    flight: Option<Flight>,
    last_error: Option<KeysUnread>,
    served_by: Option<Box<str>>,
    fetches: u64,
    failures: u64,
    surprises: u64,
}

/// Ends when the reading has ended, however it did: nothing is ever sent, the other side is dropped.
pub(super) type Flight = watch::Receiver<()>;

/// What one reading brought, with the origin it came from.
pub(super) type Outcome = Result<(Reading, Option<Box<str>>), KeysUnread>;

/// What became known with the end of a reading, for the log.
pub(super) enum News {
    Read {
        change: Change,
        keys: Arc<KeySet>,
        /// The reading before failed.
        recovered: bool,
        /// What an administrator should look at.
        surprises: Surprises,
    },
    /// `None` when the error is the one of the reading before.
    Failed { error: Option<KeysUnread>, usable_keys: usize },
}

/// What is accepted, because issuers do it, and told, because others would too.
#[derive(Debug, Default)]
pub(super) struct Surprises {
    /// Names under which another key stands than before.
    pub(super) changed: Vec<Box<str>>,
    /// The origin, if it is another than before.
    pub(super) moved_to: Option<Box<str>>,
}

impl Surprises {
    fn count(&self) -> u64 {
        self.changed.iter().map(|_| 1).sum::<u64>() + u64::from(self.moved_to.is_some())
    }
}

/// How a request gets the reading it needs.
enum Boarding {
    /// It need not: the keys are there by now.
    Known(Arc<KeySet>),
    /// By one that began before it asked.
    Joined(Flight),
    /// By its own.
    Started(Landing),
    /// It does not: the budget is spent.
    Refused,
}

impl KeyCache {
    pub(super) fn new(origin: KeyOrigin, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            keys: KeyState::default(),
            budget: Budget::full(clock.monotonic()),
            flight: None,
            last_error: None,
            served_by: None,
            fetches: 0,
            failures: 0,
            surprises: 0,
        };
        Self { origin, outbound, clock, inner: Mutex::new(inner), places: Semaphore::new(MAX_WAITING), last_use: AtomicU64::new(0) }
    }

    pub(super) fn standing(&self) -> Standing {
        self.lock().keys.standing(self.now())
    }

    /// Remembers that the keys are wanted.
    pub(super) fn note_use(&self) {
        let millis = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX - 1);
        self.last_use.store(millis + 1, Ordering::Relaxed);
    }

    /// Whether they were wanted lately.
    pub(super) fn is_in_use(&self) -> bool {
        let last_use = self.last_use.load(Ordering::Relaxed);
        let idle = self.clock.monotonic().as_millis().saturating_sub(u128::from(last_use.saturating_sub(1)));
        last_use > 0 && idle <= KEPT_WARM_FOR.as_millis()
    }

    /// Starts a reading where the schedule wants one and none is under way; the reading that is under way then, if any.
    pub(super) fn refresh_behind(self: &Arc<Self>) -> Option<Flight> {
        let landing = {
            let (mut inner, now) = (self.lock(), self.now());
            if inner.flight.is_some() {
                return inner.flight.clone();
            }
            let wanted = !matches!(inner.keys.standing(now), Standing::Fresh(_)) && inner.keys.may_retry(now);
            wanted.then(|| self.launch(&mut inner))
        };
        landing.map(Landing::take_off)
    }

    /// For a known key of an overdue set: reads first, and settles for the old set when that fails, or when too many wait for the reading
    /// already: those few seconds are a smaller evil than turning away whoever comes with a crowd.
    pub(super) async fn refreshed(self: &Arc<Self>, knows: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, KeysError> {
        if let Some(flight) = self.refresh_behind() {
            let _ = self.ended(flight).await;
        }
        self.settle(knows)
    }

    /// For an unknown key, or without any: reads once within the budget. A reading that began before this request may have missed a
    /// key that was published since; after such a one the request is owed one of its own.
    pub(super) async fn searched(self: &Arc<Self>, knows: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, KeysError> {
        match self.board(&knows) {
            Boarding::Known(keys) => return Ok(keys),
            Boarding::Refused => return self.settle(knows),
            Boarding::Started(landing) => {
                self.ended(landing.take_off()).await?;
                return self.settle(knows);
            }
            Boarding::Joined(flight) => self.ended(flight).await?,
        }
        // Where it failed, another would fail as well.
        if !self.lock().keys.is_failing() {
            match self.board(&knows) {
                Boarding::Known(keys) => return Ok(keys),
                Boarding::Started(landing) => self.ended(landing.take_off()).await?,
                Boarding::Joined(flight) => self.ended(flight).await?,
                Boarding::Refused => {}
            }
        }
        self.settle(knows)
    }

    /// How many requests wait for a reading.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        MAX_WAITING - self.places.available_permits()
    }

    /// Whether a reading is under way.
    #[cfg(test)]
    pub(super) fn is_reading(&self) -> bool {
        self.lock().flight.is_some()
    }

    pub(super) fn health(&self) -> IssuerHealth {
        let inner = self.lock();
        let summary = inner.keys.summary(self.now());
        IssuerHealth {
            name: self.origin.name.clone(),
            last_success: summary.last_success,
            last_error: inner.last_error.as_ref().map(ToString::to_string),
            usable_keys: summary.usable,
            unusable_keys: summary.unusable,
            is_empty: summary.empty,
            stale_since: summary.stale_since,
            fetches: inner.fetches,
            failures: inner.failures,
            surprises: inner.surprises,
        }
    }

    fn board(self: &Arc<Self>, knows: impl Fn(&KeySet) -> bool) -> Boarding {
        let (mut inner, now) = (self.lock(), self.now());
        match inner.keys.standing(now) {
            // Read between the caller's look and this one.
            Standing::Fresh(keys) | Standing::Due(keys) if knows(&keys) => return Boarding::Known(keys),
            Standing::Absent | Standing::Fresh(_) | Standing::Due(_) | Standing::Overdue(_) => {}
        }
        if let Some(flight) = &inner.flight {
            return Boarding::Joined(flight.clone());
        }
        if inner.budget.take(now.monotonic) { Boarding::Started(self.launch(&mut inner)) } else { Boarding::Refused }
    }

    /// What the request gets now that nothing more will be read for it. Whether a key exists can only be said while the issuer answers.
    fn settle(&self, knows: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, KeysError> {
        let inner = self.lock();
        let refused = inner.last_error.as_ref().is_some_and(KeysUnread::is_refused);
        match inner.keys.standing(self.now()) {
            Standing::Fresh(keys) | Standing::Due(keys) | Standing::Overdue(keys) if knows(&keys) => Ok(keys),
            // A key that the issuer publishes among too many does not exist for us, and trying again will not make it.
            _ if refused => Err(KeysError::Rejected(RejectedToken::KeyNotFound)),
            Standing::Absent => Err(KeysError::Unavailable),
            Standing::Fresh(_) | Standing::Due(_) | Standing::Overdue(_) if inner.keys.is_failing() => Err(KeysError::Unavailable),
            Standing::Fresh(_) | Standing::Due(_) | Standing::Overdue(_) => Err(KeysError::Rejected(RejectedToken::KeyNotFound)),
        }
    }

    /// The flight of the landing is known to everybody who asks from now on. It takes off when the lock is released: a runtime that
    /// shuts down drops what is spawned at once, and that ends the flight under the same lock.
    fn launch(self: &Arc<Self>, inner: &mut Inner) -> Landing {
        let landing = Landing::new(Arc::clone(self));
        inner.flight = Some(landing.flight());
        inner.fetches += 1;
        landing
    }

    /// Takes in what a reading brought. From here on another may begin.
    pub(super) fn land(&self, outcome: Outcome) -> News {
        let now = self.now();
        let mut inner = self.lock();
        inner.flight = None;
        match outcome {
            Ok((reading, served_by)) => {
                let keys = Arc::clone(&reading.keys);
                let changed = inner.keys.held().map(|held| keys.other_keys_than(held).map(Box::from).collect()).unwrap_or_default();
                let change = inner.keys.read(reading);
                let recovered = inner.last_error.take().is_some();
                let moved = inner.served_by.is_some() && inner.served_by != served_by;
                inner.served_by.clone_from(&served_by);
                let news = Surprises { changed, moved_to: served_by.filter(|_| moved) };
                inner.surprises += news.count();
                News::Read { change, keys, recovered, surprises: news }
            }
            Err(error) => {
                inner.keys.failed(now);
                inner.failures += 1;
                let is_news = inner.last_error.as_ref() != Some(&error);
                inner.last_error = Some(error.clone());
                News::Failed { error: Some(error).filter(|_| is_news), usable_keys: inner.keys.summary(now).usable }
            }
        }
    }

    pub(super) async fn read(&self) -> Outcome {
        let began = self.now();
        let document = self.origin.read(&self.outbound).await?;
        let digest = Digest256::of(&document.bytes);
        let held = self.lock().keys.parsed_from(digest);
        let keys = match held {
            Some(keys) => keys,
            None => Arc::new(self.origin.parse(&document.bytes)?),
        };
        let fresh_for = self.origin.fresh_for(&document, &keys);
        Ok((Reading { keys, digest, fresh_for, began }, document.served_by))
    }

    /// Waits for the end of a reading, where a place is left to wait at.
    async fn ended(&self, mut flight: Flight) -> Result<(), KeysError> {
        let _place = self.places.try_acquire().map_err(|_| KeysError::Unavailable)?;
        while flight.changed().await.is_ok() {}
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds it leaves half a change behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        Moment::of(&*self.clock)
    }
}
