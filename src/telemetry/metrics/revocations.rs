//! The numbers of revocations.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, raise, saturating};

/// What this node knows of revocations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RevocationNumbers {
    /// Rules in force.
    pub rules: usize,
    /// The number of the last change that this node knows.
    pub version: u64,
    /// Time since it last looked with success; None keeps the last value.
    pub age: Option<Duration>,
    /// What was refused as revoked since the start.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct RevocationFamilies {
    age: Gauge<f64, AtomicU64>,
    refused: Counter,
    rules: Gauge,
    version: Gauge,
}

impl RevocationFamilies {
    pub(super) fn register(&self, to: &mut Registry) {
        to.register("revocation_rules", "Revocations in force on this node", self.rules.clone());
        to.register("revocation_version", "The last change of revocations that this node knows", self.version.clone());
        to.register("revocation_age_seconds", "Time since this node last learnt of revocations", self.age.clone());
        to.register("revocation_refused", "What was refused because it was revoked", self.refused.clone());
    }
}

impl Metrics {
    /// Tells what this node knows of revocations.
    pub fn set_revocations(&self, numbers: &RevocationNumbers) {
        let revocations = &self.revocations;
        revocations.rules.set(saturating(numbers.rules));
        revocations.version.set(saturating(numbers.version));
        raise(&revocations.refused, numbers.refused);
        if let Some(age) = numbers.age {
            revocations.age.set(age.as_secs_f64());
        }
    }
}
