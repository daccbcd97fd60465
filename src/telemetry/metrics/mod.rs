//! Metrics, in the text format of `OpenMetrics` 1.0.

mod labels;
mod revocations;
mod store;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::domain::{IssuerName, TargetName};

use labels::{ExchangeLabels, FetchLabels, InspectionLabels, IssuerLabel, Name, OutcomeLabel, ReasonLabel, VersionLabel};
use revocations::RevocationFamilies;
use store::StoreFamilies;

pub use revocations::RevocationNumbers;
pub use store::StoreNumbers;

/// The media type of [`Metrics::encode`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted.
///
/// A label is a registered name or a word of ours, never what a caller wrote: a stranger cannot make a new series. Relationships, subjects
/// and `kid`s are not labels: there are too many of them, and subjects are personal.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    exchanges: Family<ExchangeLabels, Counter>,
    durations: Family<OutcomeLabel, Histogram, fn() -> Histogram>,
    inspections: Family<InspectionLabels, Counter>,
    replays: Family<OutcomeLabel, Counter>,
    replay_durations: Family<OutcomeLabel, Histogram, fn() -> Histogram>,
    revocations: RevocationFamilies,
    store: StoreFamilies,
    issuer_keys: Family<IssuerLabel, Gauge>,
    issuer_fetches: Family<FetchLabels, Counter>,
    trust: Mutex<Option<VersionLabel>>,
    trust_info: Family<VersionLabel, Gauge>,
    trust_reloads: Family<OutcomeLabel, Counter>,
    degraded: Family<ReasonLabel, Gauge>,
    degraded_before: Mutex<BTreeSet<&'static str>>,
    in_flight: Gauge,
    key_ring_version: Gauge,
}

/// One finished exchange, in words of `docs/errors.md`.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// The registered issuer; `None` when the token names none.
    pub issuer: Option<&'a IssuerName>,
    /// The registered target; `None` when none was decided on.
    pub target: Option<&'a TargetName>,
    /// `issued`, or the family of failure.
    pub outcome: &'static str,
    /// The stable reason; empty when it was issued.
    pub reason: &'static str,
    /// The grant type, in one word.
    pub grant: &'static str,
    /// From the first byte of the request to the decision.
    pub took: Duration,
}

impl Metrics {
    /// Everything at zero. `version` is that of this build.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("cambist"),
            exchanges: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            inspections: Family::default(),
            replays: Family::default(),
            replay_durations: Family::new_with_constructor(|| Histogram::new(GUARD_BUCKETS)),
            revocations: RevocationFamilies::default(),
            store: StoreFamilies::default(),
            issuer_keys: Family::default(),
            issuer_fetches: Family::default(),
            trust: Mutex::default(),
            trust_info: Family::default(),
            trust_reloads: Family::default(),
            degraded: Family::default(),
            degraded_before: Mutex::default(),
            in_flight: Gauge::default(),
            key_ring_version: Gauge::default(),
        };
        metrics.register(version);
        metrics
    }

    fn register(&mut self, version: &'static str) {
        let to = &mut self.registry;
        to.register("build", "The running build", Info::new([("version", version)]));
        to.register("exchanges", "Requests to the token endpoint", self.exchanges.clone());
        to.register("exchange_duration_seconds", "Time from request to decision", self.durations.clone());
        to.register("inspections", "Requests to introspection and revocation", self.inspections.clone());
        to.register("replay", "Verdicts of the replay guard", self.replays.clone());
        to.register("replay_duration_seconds", "Time that the replay guard took", self.replay_durations.clone());
        self.revocations.register(to);
        self.store.register(to);
        to.register("issuer_keys", "Usable keys of a trusted issuer", self.issuer_keys.clone());
        to.register("issuer_fetches", "Fetches of a trusted issuer's keys", self.issuer_fetches.clone());
        to.register("trust_info", "The trust that is in force", self.trust_info.clone());
        to.register("trust_reloads", "Changes of the trust files that were noticed", self.trust_reloads.clone());
        to.register("degraded", "1 while the server runs with something amiss", self.degraded.clone());
        to.register("in_flight", "Exchanges that are running", self.in_flight.clone());
        to.register("key_ring_version", "Version of the key ring that signs", self.key_ring_version.clone());
    }

    /// Counts a finished exchange.
    pub fn exchange(&self, exchange: &Exchange<'_>) {
        let Exchange { issuer, target, outcome, reason, grant, took } = *exchange;
        let labels = ExchangeLabels { issuer: Name(issuer.cloned()), target: Name(target.cloned()), outcome, reason, grant };
        self.exchanges.get_or_create(&labels).inc();
        self.durations.get_or_create(&OutcomeLabel { outcome }).observe(took.as_secs_f64());
    }

    /// Counts a request to `introspect` or `revoke`.
    pub fn inspection(&self, endpoint: &'static str, outcome: &'static str, reason: &'static str) {
        self.inspections.get_or_create(&InspectionLabels { endpoint, outcome, reason }).inc();
    }

    /// Counts a verdict of the replay guard: `fresh`, `replayed`, `fenced`, …
    pub fn replay(&self, outcome: &'static str, took: Duration) {
        let label = OutcomeLabel { outcome };
        self.replays.get_or_create(&label).inc();
        self.replay_durations.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// Tells how many keys of an issuer can be used.
    pub fn set_issuer_keys(&self, issuer: &IssuerName, usable: usize) {
        self.issuer_keys.get_or_create(&IssuerLabel { issuer: Name(Some(issuer.clone())) }).set(saturating(usable));
    }

    /// Counts a fetch of an issuer's keys: `fetched`, `failed`, …
    pub fn issuer_fetch(&self, issuer: &IssuerName, outcome: &'static str) {
        self.issuer_fetches.get_or_create(&FetchLabels { issuer: Name(Some(issuer.clone())), outcome }).inc();
    }

    /// Removes the keys of an issuer that is trusted no more. What was counted stays counted.
    pub fn forget_issuer(&self, issuer: &IssuerName) {
        self.issuer_keys.remove(&IssuerLabel { issuer: Name(Some(issuer.clone())) });
    }

    /// Tells which trust is in force; the version before goes.
    pub fn set_trust(&self, version: &str) {
        let now = VersionLabel { version: version.to_owned() };
        let mut current = self.trust.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = current.replace(now.clone())
            && before != now
        {
            self.trust_info.remove(&before);
        }
        self.trust_info.get_or_create(&now).set(1);
    }

    /// Counts a change of the trust files: `accepted`, `refused`.
    pub fn trust_reload(&self, outcome: &'static str) {
        self.trust_reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Tells everything that is amiss now. What was amiss before and is not any more goes to 0, so that an alert ends.
    pub fn set_degraded(&self, reasons: &[&'static str]) {
        let mut before = self.degraded_before.lock().unwrap_or_else(PoisonError::into_inner);
        before.extend(reasons);
        for reason in before.iter() {
            self.degraded.get_or_create(&ReasonLabel { reason }).set(i64::from(reasons.contains(reason)));
        }
    }

    /// Tells how many exchanges are running.
    pub fn set_in_flight(&self, running: usize) {
        self.in_flight.set(saturating(running));
    }

    /// Tells which version of the key ring signs.
    pub fn set_key_ring_version(&self, version: u64) {
        self.key_ring_version.set(saturating(version));
    }

    /// The text of all metrics, as [`METRICS_CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail, and no metric of ours refuses to be written.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// Brings a counter to what was counted elsewhere.
fn raise(counter: &Counter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

fn saturating(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// In seconds. An exchange takes a tenth of a millisecond of work; the store's disk and an issuer's network make the rest.
const BUCKETS: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// In seconds. A script call takes a fifth of a millisecond on one machine; two attempts end after a second.
const GUARD_BUCKETS: [f64; 14] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

#[cfg(test)]
mod tests;
