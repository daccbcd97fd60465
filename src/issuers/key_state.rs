//! What is held of an issuer's keys, and when to ask again. Pure: moments come in, answers go out.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Digest256, Seconds, Timestamp};
use crate::token::KeySet;

use super::moment::Moment;
use super::{EMPTY_CONFIRMED_AFTER, FAILURE_EXCUSES, RETRY_PAUSE, STALE_IF_ERROR};

/// The last good key set of one issuer. A failure never takes it away; only its age does.
#[derive(Debug, Default)]
pub(super) struct KeyState {
    held: Option<Held>,
    /// When the latest attempt failed; `None` after a success.
    failed_at: Option<Moment>,
    /// When a key set without a usable key was first read in place of the one that is held.
    emptied_at: Option<Moment>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    /// Of the document.
    digest: Digest256,
    /// When the attempt began that read it. What the issuer changed during the attempt counts as not yet seen.
    read_at: Moment,
    fresh_from: Moment,
    /// From this age on it is refreshed when it is used.
    due_after: Duration,
    /// From this age on it is refreshed before it is used.
    fresh_for: Duration,
}

/// A key set that was read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) keys: Arc<KeySet>,
    pub(super) digest: Digest256,
    pub(super) fresh_for: Duration,
    pub(super) began: Moment,
}

/// How the held keys stand.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// There are none, or none young enough to be used at all.
    Absent,
    /// To be used.
    Fresh(Arc<KeySet>),
    /// To be used, and refreshed behind the request: nearly overdue, or overdue while the issuer is known to be down.
    Due(Arc<KeySet>),
    /// To be refreshed first; the issuer may have removed keys.
    Overdue(Arc<KeySet>),
}

/// What a reading did to the held keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// Nothing that was not known before.
    None,
    /// The new keys replace the old ones, all of them.
    Replaced,
    /// No usable key, for the first time: the old keys are kept until it is read again.
    EmptyDoubted,
    /// No usable key, again: the old keys are gone.
    EmptyBelieved,
}

impl KeyState {
    pub(super) fn standing(&self, now: Moment) -> Standing {
        let Some(held) = self.held.as_ref().filter(|held| now.age_of(held.read_at) <= STALE_IF_ERROR) else {
            return Standing::Absent;
        };
        let keys = Arc::clone(&held.keys);
        let age = now.age_of(held.fresh_from);
        if age < held.due_after {
            return Standing::Fresh(keys);
        }
        let excused = self.failed_at.is_some_and(|failed| now.pause_since(failed) < FAILURE_EXCUSES);
        if age < held.fresh_for || excused { Standing::Due(keys) } else { Standing::Overdue(keys) }
    }

    /// Whether a scheduled refresh may start: not right after a failure.
    pub(super) fn may_retry(&self, now: Moment) -> bool {
        self.failed_at.is_none_or(|failed| now.pause_since(failed) >= RETRY_PAUSE)
    }

    /// Whether the latest attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failed_at.is_some()
    }

    /// The held set, if it came from this document: parsing it again would give the same.
    pub(super) fn parsed_from(&self, digest: Digest256) -> Option<Arc<KeySet>> {
        self.held.as_ref().filter(|held| held.digest == digest).map(|held| Arc::clone(&held.keys))
    }

    /// The set that is held, whatever its age.
    pub(super) fn held(&self) -> Option<&Arc<KeySet>> {
        self.held.as_ref().map(|held| &held.keys)
    }

    /// An attempt failed. The held keys stay.
    pub(super) fn failed(&mut self, now: Moment) {
        self.failed_at = Some(now);
    }

    /// An attempt read a key set.
    pub(super) fn read(&mut self, reading: Reading) -> Change {
        self.failed_at = None;
        let empty = reading.keys.usable() == 0;
        if empty && let Some(held) = self.held.as_mut().filter(|held| held.keys.usable() > 0) {
            let is_news = self.emptied_at.is_none();
            let first = *self.emptied_at.get_or_insert(reading.began);
            let doubt = EMPTY_CONFIRMED_AFTER.saturating_sub(reading.began.pause_since(first));
            if !doubt.is_zero() {
                // It is read again as soon as that can settle the doubt, and before the old keys are used after that. What is read more often
                // stays so: somebody may put it right meanwhile, and have removed a key.
                let again = doubt.min(reading.fresh_for);
                (held.fresh_from, held.due_after, held.fresh_for) = (reading.began, again, again);
                return if is_news { Change::EmptyDoubted } else { Change::None };
            }
        }
        let doubted = self.emptied_at.take().is_some();
        let same = self.held.as_ref().is_some_and(|held| held.digest == reading.digest);
        self.held = Some(Held {
            keys: reading.keys,
            digest: reading.digest,
            read_at: reading.began,
            fresh_from: reading.began,
            due_after: reading.fresh_for * 4 / 5,
            fresh_for: reading.fresh_for,
        });
        match (same, empty && doubted) {
            (true, _) => Change::None,
            (false, true) => Change::EmptyBelieved,
            (false, false) => Change::Replaced,
        }
    }

    /// When the held keys were read; their usable and unusable number; since when they are used although no longer fresh.
    pub(super) fn summary(&self, now: Moment) -> Summary {
        let Some(held) = &self.held else { return Summary::default() };
        let stale = self.is_failing() && now.age_of(held.fresh_from) >= held.fresh_for;
        Summary {
            last_success: Some(held.read_at.wall),
            usable: held.keys.usable(),
            unusable: held.keys.unusable().count(),
            empty: held.keys.usable() == 0 || self.emptied_at.is_some(),
            stale_since: stale.then(|| held.fresh_from.wall + Seconds(held.fresh_for.as_secs())),
        }
    }
}

/// Numbers about the held keys.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) last_success: Option<Timestamp>,
    pub(super) usable: usize,
    pub(super) unusable: usize,
    /// Whether the set that was read last had no usable key.
    pub(super) empty: bool,
    pub(super) stale_since: Option<Timestamp>,
}
