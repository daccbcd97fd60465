//! The stage of a single Redis.

use cambist::release::replay::FENCE_MARGIN;

use crate::driver::{Bench, Stage};
use crate::servers::{ClockFile, Proxy, RedisOptions, RedisServer};
use crate::store;

/// Nodes.
const NODES: usize = 3;

/// One Redis with an append-only file and a clock of its own.
pub(crate) struct SingleStage {
    // Nodes end before what they stand on.
    pub(crate) bench: Bench,
    /// Between each node and Redis.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) redis: RedisServer,
    pub(crate) clock: ClockFile,
    /// Of the last node alone.
    pub(crate) node_clock: ClockFile,
}

impl SingleStage {
    pub(crate) fn start() -> Self {
        let clock = ClockFile::new();
        let options = RedisOptions {
            users: vec![store::user()],
            clock: Some(clock.clone()),
            lines: vec!["enable-protected-configs yes".into()],
            ..RedisOptions::default()
        };
        let redis = RedisServer::start(&options);
        let proxies: Vec<_> = (0..NODES).map(|_| Proxy::start(redis.port())).collect();
        let stores: Vec<_> = proxies.iter().map(|proxy| store::section(&format!("redis://{}", proxy.address()))).collect();
        let node_clock = ClockFile::new();
        let clocks = (0..NODES).map(|node| (node == NODES - 1).then(|| node_clock.clone()));
        let stores: Vec<_> = stores.into_iter().zip(clocks).collect();
        Self { bench: Bench::start(&stores), proxies, redis, clock, node_clock }
    }
}

impl Stage for SingleStage {
    fn bench(&self) -> &Bench {
        &self.bench
    }

    fn margin(&self) -> u64 {
        FENCE_MARGIN.0
    }

    fn fence(&self) -> Option<u64> {
        store::fence([&self.redis].into_iter())
    }
}
