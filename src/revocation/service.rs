//! What a node knows of revocations, and how lately.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::domain::{Clock, Seconds, Timestamp};
use crate::store::redis::Listener;
use crate::store::{Store, StoreError};
use crate::token::VerifiedToken;

use super::check::NotCleared;
use super::facts::Facts;
use super::index::Index;
use super::kept;
use super::known::{Held, Holders};
use super::rule::{Rule, RuleId};

/// Who follows, and how closely.
#[derive(Clone, Debug)]
pub struct RevocationSettings {
    /// The name under which this node confirms what it knows. Each node has its own.
    pub node: Box<str>,
    /// For how long after its last look a node may issue, in seconds.
    pub max_stale: Seconds,
}

/// Revocations as this node knows them.
pub struct Revocations {
    pub(super) clock: Arc<dyn Clock>,
    /// When the question was asked whose answer completed what is known.
    pub(super) confirmed: ArcSwapOption<Moment>,
    /// The minute in which it last forgot what is over.
    pub(super) forgot_at: AtomicU64,
    held: Mutex<Held>,
    pub(super) holders: Holders,
    /// Rules made by people.
    pub(super) index: ArcSwap<Index>,
    refused: AtomicU64,
    pub(super) settings: RevocationSettings,
    /// None for the one of [`Self::without_rules`].
    pub(super) store: Option<Store>,
    /// One look at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// When something was asked, by two clocks: the monotonic one stands still while the whole machine is suspended, the wall clock may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Duration,
    unix_millis: u64,
}

impl Moment {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), unix_millis: clock.unix_millis() }
    }

    /// By the clock that says more.
    fn age(&self, clock: &dyn Clock) -> Duration {
        let by_wall_clock = Duration::from_millis(clock.unix_millis().saturating_sub(self.unix_millis));
        clock.monotonic().saturating_sub(self.monotonic).max(by_wall_clock)
    }
}

/// All rules in force on this node at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The number of the last change that it knows. Grows with every change; the same number is the same set, less what is over.
    pub version: u64,
    /// Every rule that is neither lifted nor over, oldest first.
    pub rules: Vec<Arc<Rule>>,
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Vitals {
    /// Rules in force, tokens revoked by their holders included.
    pub rules: usize,
    /// The number of the last known change.
    pub version: u64,
    /// Time since the last look that succeeded; None before the first.
    pub age: Option<Duration>,
    /// What was refused because it was revoked, since the start.
    pub refused: u64,
}

impl Revocations {
    /// Knows nothing, so that nothing counts, before the first [`Self::sync`].
    #[must_use]
    pub fn new(store: Store, settings: RevocationSettings, clock: Arc<dyn Clock>) -> Self {
        Self { store: Some(store), settings, ..Self::without_rules(clock) }
    }

    /// No rules, of no store, for ever: for tests and measurements of what comes after.
    #[must_use]
    pub fn without_rules(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            confirmed: ArcSwapOption::empty(),
            forgot_at: AtomicU64::new(0),
            held: Mutex::default(),
            holders: Holders::default(),
            index: ArcSwap::default(),
            refused: AtomicU64::new(0),
            settings: RevocationSettings { node: "".into(), max_stale: Seconds(0) },
            store: None,
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Calls `heard` when somebody has changed something, and when that may have been missed. Only where there is a channel: `None` says
    /// that there is none. Call it inside the runtime.
    #[must_use]
    pub fn listen(&self, heard: impl Fn() + Send + Sync + 'static) -> Option<Listener> {
        match &self.store {
            Some(Store::Redis(store)) => Some(kept::listen(store, heard)),
            Some(Store::Sqlite(_)) | None => None,
        }
    }

    /// Ends one token of ours, and what was narrowed from it. Known here at once, on other nodes with their next look. What the store loses
    /// before this node has read it back is written again.
    ///
    /// # Errors
    /// The store's: then the caller must try again, although it may have been revoked.
    pub async fn revoke_token(&self, own: &VerifiedToken) -> Result<(), StoreError> {
        let (Some(store), Some(id)) = (&self.store, own.token_id()) else { return Ok(()) };
        if self.holders.is_kept(id, self.clock.now()) {
            // Read from the store, which is given it back if it loses it. Whoever says it again and again writes nothing.
            return Ok(());
        }
        let rule = Rule::of_token(id, own.refused_from());
        let ended = rule.forget_at.map(|forget_at| (id.into(), forget_at));
        kept::publish(store, &rule.into(), &*self.clock).await?;
        if let Some(ended) = ended {
            self.holders.wrote(ended);
        }
        Ok(())
    }

    /// Whether its holder ended this token of ours, as far as this node knows: then to end it again changes nothing.
    #[must_use]
    pub fn has_ended(&self, own: &VerifiedToken) -> bool {
        own.token_id().is_some_and(|id| self.holders.has_ended(id, self.clock.now()))
    }

    /// Says goodbye: nobody waits for this node any more. It may not issue afterwards.
    ///
    /// # Errors
    /// The store's; then others take this node for unreachable, for [`RevocationSettings::max_stale`].
    pub async fn leave(&self) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Ok(()) };
        let _turn = self.turn.lock().await;
        self.confirmed.store(None);
        kept::leave(store, &self.settings.node).await
    }

    /// All rules in force.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let held = self.held();
        Snapshot { version: held.since(), rules: held.in_force(self.clock.now()) }
    }

    /// The number of the last change that this node knows.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.held().since()
    }

    /// For metrics.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        Vitals {
            rules: self.index.load().len() + self.holders.len(),
            version: self.version(),
            age: self.confirmed.load().as_ref().map(|moment| moment.age(&*self.clock)),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Whether this node may issue: it has looked within [`RevocationSettings::max_stale`], by both clocks, because the monotonic one stands
    /// still while the machine is suspended.
    ///
    /// # Errors
    /// [`NotCleared::Stale`].
    pub fn ensure_fresh(&self) -> Result<(), NotCleared> {
        let Some(_) = &self.store else { return Ok(()) };
        let confirmed = self.confirmed.load();
        let fresh = confirmed.as_ref().is_some_and(|moment| moment.age(&*self.clock) <= self.settings.max_stale.as_duration());
        if fresh { Ok(()) } else { Err(NotCleared::Stale) }
    }

    /// Whether there is any rule at all.
    pub(super) fn selects_anything(&self) -> bool {
        self.index.load().len() > 0 || self.holders.len() > 0
    }

    /// The rule that refuses this token, if one does.
    pub(super) fn refusing(&self, facts: &Facts<'_>, now: Timestamp) -> Option<RuleId> {
        let by_holder = || {
            let mut own = facts.token_ids.iter().filter(|_| facts.ours);
            own.find(|id| self.holders.has_ended(id, now)).map(|id| RuleId::of_token(id))
        };
        self.index.load().find(facts).or_else(by_holder)
    }

    pub(super) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
