//! The numbers of the store and of its fences.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::Timestamp;

use super::labels::StateLabel;
use super::{Metrics, raise, saturating};

/// How the store is doing. What is `None` is not known now, and keeps its last value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreNumbers {
    /// Seconds by which the store's clock is ahead of ours.
    pub clock_offset: Option<i64>,
    /// Connections to masters that are up.
    pub connections_up: usize,
    /// Connections to masters that should be up.
    pub connections_wanted: usize,
    /// Age of the oldest lease, in seconds.
    pub lease_age: Option<f64>,
    /// Calls that were sent a second time since the start.
    pub retries: u64,
}

#[derive(Debug, Default)]
pub(super) struct StoreFamilies {
    clock_offset: Gauge,
    connections: Family<StateLabel, Gauge>,
    fence_until: Gauge,
    fences: Counter,
    lease_age: Gauge<f64, AtomicU64>,
    retries: Counter,
}

impl StoreFamilies {
    pub(super) fn register(&self, to: &mut Registry) {
        to.register("fences", "Fences that this process put up", self.fences.clone());
        to.register("fence_until_seconds", "The last iat that any fence refuses, in seconds since 1970", self.fence_until.clone());
        to.register("store_retries", "Calls to the store that were sent a second time", self.retries.clone());
        to.register("store_clock_offset_seconds", "How far the store's clock is ahead of ours", self.clock_offset.clone());
        to.register("store_connections", "Connections to masters of the store", self.connections.clone());
        to.register("store_lease_age_seconds", "Age of the oldest confirmation of a master", self.lease_age.clone());
    }
}

impl Metrics {
    /// Tells of fences: how many this process put up since its start, and up to which `iat` tokens are refused; 1970 when not known.
    pub fn set_fences(&self, count: u64, until: Timestamp) {
        raise(&self.store.fences, count);
        if until > Timestamp::default() {
            self.store.fence_until.set(saturating(until.unix()));
        }
    }

    /// Tells how the store is doing.
    pub fn set_store(&self, numbers: &StoreNumbers) {
        let store = &self.store;
        raise(&store.retries, numbers.retries);
        for (state, count) in [("up", numbers.connections_up), ("wanted", numbers.connections_wanted)] {
            store.connections.get_or_create(&StateLabel { state }).set(saturating(count));
        }
        if let Some(offset) = numbers.clock_offset {
            store.clock_offset.set(offset);
        }
        if let Some(age) = numbers.lease_age {
            store.lease_age.set(age);
        }
    }
}
