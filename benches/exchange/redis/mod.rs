//! What Redis costs: the exchange with its guard on one server, the guard at a fixed rate, and several nodes on one Redis and on a Cluster.
//!
//! The Redis servers are real processes on this machine. They share its cores with the nodes and with the load, so rates say what this
//! machine can do and CPU times say what would come of it elsewhere.

mod exchange;
mod guard;
mod nodes;
mod rates;
mod stores;

pub(crate) use exchange::Exchange;
pub(crate) use nodes::Nodes;
pub(crate) use stores::{Place, Stores};

pub(crate) use guard::print_guard_at_rate;
pub(crate) use rates::print_added_latency;

use crate::site::Plan;

/// Relationships of every node here.
const RELATIONSHIPS: usize = 10;

/// A node on Redis.
fn plan(place: &Place) -> Plan<'_> {
    Plan { relationships: RELATIONSHIPS, redis: Some(place.url()), reusable: false }
}
