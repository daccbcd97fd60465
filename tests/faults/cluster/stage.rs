//! The stage of a Redis Cluster.

use cambist::release::replay::FENCE_MARGIN;

use crate::driver::{Bench, Stage};
use crate::servers::{Cluster, ClusterOptions, Persistence, RedisOptions, RedisServer};
use crate::store;

/// L: for how long a node believes a majority of the cluster's nodes.
const LEASE: u64 = 2;

/// Three masters with a replica each, without files, and two nodes.
pub(crate) struct ClusterStage {
    // Nodes end before what they stand on.
    pub(crate) bench: Bench,
    pub(crate) cluster: Cluster,
}

impl ClusterStage {
    pub(crate) fn start() -> Self {
        let lines = vec!["cluster-require-full-coverage no".into()];
        let nodes = RedisOptions { persistence: Persistence::None, users: vec![store::user()], lines, ..RedisOptions::default() };
        let cluster = Cluster::start(&ClusterOptions { nodes, proxied: true, ..ClusterOptions::default() });
        let section = store::section(&cluster.url());
        Self { bench: Bench::start(&[(section.clone(), None), (section, None)]), cluster }
    }

    /// Starts what is down, and waits until every node knows its role.
    pub(crate) fn make_whole(&self) {
        self.cluster.heal();
        self.cluster.nodes().iter().filter(|node| !node.is_running()).for_each(RedisServer::restart);
        self.cluster.wait_until_whole();
    }

    /// The slots of a few hash tags that a master owns.
    pub(crate) fn tagged_slots_of(&self, master: usize, count: usize) -> Vec<u16> {
        let slots = (0..=u8::MAX).map(|tag| self.cluster.slot_of(&format!("{{{tag:02x}}}")));
        slots.filter(|slot| self.cluster.master_of_slot(*slot) == master).take(count).collect()
    }
}

impl Stage for ClusterStage {
    fn bench(&self) -> &Bench {
        &self.bench
    }

    fn margin(&self) -> u64 {
        FENCE_MARGIN.0 + LEASE
    }

    fn fence(&self) -> Option<u64> {
        store::fence(self.cluster.masters().into_iter().map(|master| &self.cluster.nodes()[master]))
    }
}
