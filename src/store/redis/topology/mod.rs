//! Which server to ask, and for how long that may be believed.
//!
//! With Sentinel and Cluster a server is used only under a *lease*: within the last [`LEASE`] a majority of the witnesses (Sentinels, or
//! all nodes of the cluster) named it as master with one configuration epoch. Witnesses never go back to an older epoch and majorities
//! overlap, so once another master has been named by one, no lease on the old one is ever renewed: after [`LEASE`] nobody sends to it.
//! The fence of the new master reaches that far.

mod cluster;
mod map;
mod sentinel;
mod watcher;

pub(super) use map::Route;

pub(super) use map::Map;
pub(super) use watcher::Watcher;

use std::time::Duration;

/// L: how long a majority's word about the master is believed, counted from when it was asked.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// How often the witnesses are asked.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long after a look the next one begins at the earliest.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one witness may take to answer.
const ANSWER: Duration = Duration::from_millis(450);
