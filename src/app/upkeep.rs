//! What a running server does by itself each second: look at the store and be seen by it, follow the key ring, tell what is wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::IssuerName;
use crate::release::bindings::{self, BindingError};
use crate::release::issuance::KeysError;
use crate::release::replay::{Pulse, SpendError};
use crate::revocation::{SyncError, Vitals};
use crate::store::{Store, StoreError, StoreTrouble};
use crate::telemetry::{RevocationNumbers, StoreNumbers};

use super::build::App;
use super::health::Trouble;
use super::observe::names_and_ids;

/// How many fetches metrics know of, by issuer: good ones and failures.
pub(super) type CountedFetches = Mutex<HashMap<IssuerName, (u64, u64)>>;

impl App {
    /// Once a second. What asks the store does so at the same time, so that one silence is not waited for again and again.
    pub async fn each_second(self: &Arc<Self>) {
        let (checked, ticked, followed, written_back) = tokio::join!(
            in_time(self.parts.store.check()),
            in_time(self.parts.guard.tick()),
            self.parts.keys.refresh(),
            in_time(self.write_back()),
        );
        let (pulse, clock, missed) = sorted(ticked);
        let checked = checked.err();
        self.judge_store([&checked, &missed]);
        let followed = followed.err();
        let faults = [checked, missed, store_fault(followed.as_ref()), self.note_bindings(written_back), self.parts.guard.take_fault()];
        self.note_store(faults.into_iter().flatten().next().as_ref());
        self.note(Trouble::ClockOffset, clock.as_ref().map(ToString::to_string));
        self.note_keys(followed);
        let log = self.parts.log.is_broken().then(|| "the last write failed; it is tried again each second".to_owned());
        self.note(Trouble::Log, log);
        self.note_issuers();
        self.note_revocations(None);
        self.measure(pulse, clock.as_ref());
    }

    /// At start: reads the keys of every issuer and client, so that its first token need not wait.
    pub fn warm_issuers(&self) {
        self.parts.issuers.warm();
        self.parts.clients.warm();
    }

    /// Every five seconds.
    pub fn refresh_issuers(&self) {
        self.parts.issuers.tick();
        self.parts.clients.tick();
        self.parts.limits.sweep();
    }

    /// Brings what this node holds to a store that others use too, and that may have lost it: names of issuers and the head of our log.
    /// The key ring and the deployment id come back by themselves.
    async fn write_back(&self) -> Result<(), BindingError> {
        if !self.parts.store.is_shared() {
            return Ok(());
        }
        let issuers: Vec<_> = self.parts.issuers.all().iter().map(|issuer| issuer.settings().clone()).collect();
        let names = names_and_ids(&issuers);
        let (bound, saved) = tokio::join!(bindings::bind(&self.parts.store, &names), self.kept_head.save());
        bound?;
        Ok(saved?)
    }

    /// What one look found stays until another has found it mended: no answer at all is no better.
    fn judge_store(&self, faults: [&Option<StoreError>; 2]) {
        let mut faults = faults.into_iter().flatten().peekable();
        if faults.peek().is_none() {
            self.parts.guard.suspend(None);
        } else if let Some(fault) = faults.find(|fault| fault.forbids_spending()) {
            self.parts.guard.suspend(Some(fault.clone()));
        }
    }

    fn note_store(&self, fault: Option<&StoreError>) {
        for trouble in StoreTrouble::ALL {
            let found = fault.filter(|fault| fault.trouble() == trouble);
            self.note(Trouble::Store(trouble), found.map(ToString::to_string));
        }
    }

    fn note_bindings(&self, written_back: Result<(), BindingError>) -> Option<StoreError> {
        let (rebound, fault) = match written_back {
            Ok(()) => (None, None),
            Err(BindingError::Unavailable(fault)) => return Some(fault),
            Err(rebound) => (Some(rebound.to_string()), None),
        };
        self.note(Trouble::Bindings, rebound);
        fault
    }

    fn note_keys(&self, followed: Option<KeysError>) {
        let trouble = match followed {
            // The store's trouble is told by its own word.
            None | Some(KeysError::Store(_)) => self.parts.keys.ring_for_issuing().err().map(|cannot| cannot.to_string()),
            Some(error) => Some(error.to_string()),
        };
        self.note(Trouble::KeyRing, trouble);
    }

    fn measure(&self, pulse: Option<Pulse>, clock: Option<&SpendError>) {
        self.parts.metrics.set_key_ring_version(self.parts.keys.ring().version());
        self.parts.metrics.set_in_flight(self.tracker.in_flight());
        self.parts.metrics.set_degraded(&self.health.names());
        let Vitals { rules, version, age, refused } = self.parts.revocations.vitals();
        self.parts.metrics.set_revocations(&RevocationNumbers { rules, version, age, refused });
        if let Some(pulse) = pulse {
            self.parts.metrics.set_fences(pulse.fences, pulse.fence_until);
        }
        let Store::Redis(store) = &self.parts.store else { return };
        let off = if let Some(SpendError::ClockOffset { offset }) = clock { Some(*offset) } else { None };
        let vitals = store.vitals();
        self.parts.metrics.set_store(&StoreNumbers {
            clock_offset: off.or(pulse.map(|pulse| pulse.clock_offset)),
            connections_up: vitals.connected,
            connections_wanted: vitals.connections,
            lease_age: vitals.lease_age,
            retries: vitals.retries,
        });
    }

    /// Twice a second, and whenever another node or a command has changed something. Each call of the store has its own end, and giving
    /// back all that a store lost takes many of them; how old the knowledge is is judged each second all the same.
    pub async fn follow_revocations(&self) {
        let followed = self.parts.revocations.sync().await;
        self.note_revocations(followed.err().as_ref());
    }

    /// At the end: nobody need wait for this node to hear of anything.
    pub(super) async fn say_goodbye(&self) {
        if let Err(error) = in_time(self.parts.revocations.leave()).await {
            tracing::warn!(error = %error, "could not say goodbye to the store: commands that revoke will call this node unreachable for a while");
        }
    }

    fn note_revocations(&self, fault: Option<&SyncError>) {
        let stale = self.parts.revocations.ensure_fresh().is_err();
        let text = || fault.map_or_else(|| "the store was not asked in time".to_owned(), ToString::to_string);
        // The sentence with the cause stays; who has none does not take it away.
        if !stale || fault.is_some() || !self.health.has(Trouble::Revocations) {
            self.note(Trouble::Revocations, stale.then(text));
        }
    }

    fn note_issuers(&self) {
        let mut counted = self.counted_fetches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failing = Vec::new();
        for health in self.parts.issuers.all().iter().map(|issuer| issuer.health()) {
            self.parts.metrics.set_issuer_keys(&health.name, health.usable_keys);
            let known = counted.entry(health.name.clone()).or_default();
            let now = (health.fetches.saturating_sub(health.failures), health.failures);
            // A reload may have begun a new count.
            for _ in known.0..now.0 {
                self.parts.metrics.issuer_fetch(&health.name, "ok");
            }
            for _ in known.1..now.1 {
                self.parts.metrics.issuer_fetch(&health.name, "failed");
            }
            *known = now;
            if let Some(trouble) = health.trouble() {
                failing.push(format!("{}: {trouble}", health.name));
            }
        }
        drop(counted);
        let of_clients = self.parts.clients.all().into_iter().map(|client| client.health());
        failing.extend(of_clients.filter_map(|health| health.trouble().map(|trouble| format!("client {}: {trouble}", health.name))));
        self.note(Trouble::IssuerKeys, (!failing.is_empty()).then(|| failing.join("; ")));
    }

    /// One line when a trouble begins and one when it ends.
    pub(super) fn note(&self, trouble: Trouble, what: Option<String>) {
        let (begins, text) = (what.is_some(), what.clone().unwrap_or_default());
        if self.health.set(trouble, what) {
            if begins {
                tracing::error!(degraded = trouble.name(), error = text, "degraded");
            } else {
                tracing::info!(degraded = trouble.name(), "no longer degraded");
            }
        }
    }
}

/// A store that hangs must not keep the server from noticing it.
async fn in_time<T, E: From<StoreError>>(asking: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(StoreError::NoAnswer.into()))
}

/// The guard's pulse, or the fault of a clock, or one of the store.
fn sorted(ticked: Result<Pulse, SpendError>) -> (Option<Pulse>, Option<SpendError>, Option<StoreError>) {
    match ticked {
        Ok(pulse) => (Some(pulse), None, None),
        Err(SpendError::Unavailable(fault)) => (None, None, Some(fault)),
        Err(clock) => (None, Some(clock), None),
    }
}

fn store_fault(error: Option<&KeysError>) -> Option<StoreError> {
    if let Some(KeysError::Store(fault)) = error { Some(fault.clone()) } else { None }
}

/// For everything that one look asks of the store. Longer than two attempts of a call and their topology, and short enough that trouble is
/// noticed within five seconds.
const PATIENCE: Duration = Duration::from_secs(3);
