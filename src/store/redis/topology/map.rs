//! The map from hash tags to servers, as it was last seen.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::Clock;
use crate::store::redis::connection::Link;
use crate::store::redis::script::Tag;

use super::LEASE;

/// A server that may be asked, under a lease.
#[derive(Clone)]
pub(in crate::store::redis) struct Route {
    pub(in crate::store::redis) link: Arc<Link>,
    pub(super) epoch: u64,
    /// When the witnesses that confirmed it were asked. None where there are no witnesses: one server.
    pub(super) confirmed: Option<Asked>,
}

/// When a question was asked, by two clocks. The monotonic one stands still while the whole machine is suspended, the wall clock may be
/// set: a lease must not have outlived its term by either.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    monotonic: Instant,
    unix_millis: u64,
}

impl Asked {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self { monotonic: Instant::now(), unix_millis: clock.unix_millis() }
    }

    fn is_fresh(&self, clock: &dyn Clock) -> bool {
        // Set back, it shows no age; then the reading that is sent is old too, and the server says so.
        let by_wall_clock = u128::from(clock.unix_millis().saturating_sub(self.unix_millis));
        self.monotonic.elapsed() <= LEASE && by_wall_clock <= LEASE.as_millis()
    }
}

impl Route {
    /// The configuration epoch under which this server is master; 0 where there is only one.
    #[must_use]
    pub(in crate::store::redis) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the lease holds at this moment.
    pub(in crate::store::redis) fn holds(&self, clock: &dyn Clock) -> bool {
        self.confirmed.is_none_or(|asked| asked.is_fresh(clock))
    }
}

/// What is known of the topology.
#[derive(Clone)]
pub(in crate::store::redis) struct Map {
    /// One for every tag, or one for all.
    pub(super) routes: Vec<Option<Route>>,
    /// Why a tag has no route, for messages.
    pub(super) found: Box<str>,
}

impl Map {
    pub(super) fn unknown() -> Self {
        Self { routes: vec![None], found: "nobody has answered yet".into() }
    }

    pub(super) fn of_one(route: Route) -> Self {
        Self { routes: vec![Some(route)], found: "".into() }
    }

    /// The route of a tag, whether or not its lease still holds.
    pub(in crate::store::redis) fn route(&self, tag: Tag) -> Option<&Route> {
        let index = if self.routes.len() == 1 { 0 } else { tag.index() };
        self.routes.get(index)?.as_ref()
    }

    /// Why there is no route.
    pub(in crate::store::redis) fn found(&self) -> &str {
        &self.found
    }

    /// Whether every tag may be asked now.
    pub(in crate::store::redis) fn is_whole(&self, clock: &dyn Clock) -> bool {
        self.routes.iter().all(|route| route.as_ref().is_some_and(|route| route.holds(clock)))
    }

    /// Every master, once.
    pub(in crate::store::redis) fn masters(&self) -> Vec<Arc<Link>> {
        let mut masters: Vec<Arc<Link>> = Vec::new();
        for route in self.routes.iter().flatten() {
            if !masters.iter().any(|known| Arc::ptr_eq(known, &route.link)) {
                masters.push(Arc::clone(&route.link));
            }
        }
        masters
    }

    /// The age of the oldest lease; none where there is none to have.
    pub(in crate::store::redis) fn oldest_lease(&self) -> Option<std::time::Duration> {
        self.routes.iter().flatten().filter_map(|route| route.confirmed).map(|asked| asked.monotonic.elapsed()).max()
    }
}
