//! The stage of a master, two replicas and three Sentinels.

use std::collections::BTreeMap;

use cambist::release::replay::FENCE_MARGIN;

use crate::driver::{Bench, Stage};
use crate::servers::{MASTER_NAME, Mode, Persistence, Proxy, RedisOptions, RedisServer, SentinelTrio, TrioOptions, eventually, list, text};
use crate::store;

/// L: for how long a node believes a majority of the Sentinels.
const LEASE: u64 = 2;

/// Two nodes. The first one reaches the Sentinels by proxies of its own, so that it can be kept from hearing of a failover.
pub(crate) struct SentinelStage {
    // Nodes end before what they stand on.
    pub(crate) bench: Bench,
    hearing: Vec<Proxy>,
    pub(crate) trio: SentinelTrio,
}

impl SentinelStage {
    /// Servers without files: whoever restarts has forgotten everything. Sentinels as slow as in real life, so that an old master that
    /// returns is one for a while.
    pub(crate) fn start() -> Self {
        let servers = RedisOptions { persistence: Persistence::None, users: vec![store::user()], ..RedisOptions::default() };
        let trio = SentinelTrio::start(&TrioOptions { servers, proxied: true, brisk: false, ..TrioOptions::default() });
        let hearing: Vec<_> = trio.sentinels().iter().map(|sentinel| Proxy::start(sentinel.port())).collect();
        let addresses: Vec<_> = hearing.iter().map(Proxy::address).collect();
        let deaf = format!("redis+sentinel://{}?master={MASTER_NAME}", addresses.join(","));
        let stores = [(store::section(&deaf), None), (store::section(&trio.url()), None)];
        Self { bench: Bench::start(&stores), hearing, trio }
    }

    /// The first node no longer hears what the Sentinels say, and notices nothing but silence.
    pub(crate) fn deafen(&self) {
        self.hearing.iter().for_each(|proxy| proxy.set(Mode::DropBoth));
    }

    /// It hears again.
    pub(crate) fn undeafen(&self) {
        self.hearing.iter().for_each(|proxy| proxy.set(Mode::Pass));
    }

    /// Waits until most Sentinels name one master with one epoch, and it is one: from then on a node may use it. Which one that is.
    pub(crate) fn until_confirmed(&self) -> usize {
        let mut master = None;
        eventually("most Sentinels name the same master with the same epoch", || {
            master = self.confirmed();
            master.is_some()
        });
        master.unwrap()
    }

    fn confirmed(&self) -> Option<usize> {
        let mut votes = BTreeMap::<_, usize>::new();
        for sentinel in self.trio.sentinels().iter().filter(|sentinel| sentinel.is_running()) {
            let Ok(answer) = sentinel.try_command(&["SENTINEL", "MASTER", MASTER_NAME]) else { continue };
            let words: Vec<_> = list(answer).iter().map(text).collect();
            let field = |name: &str| words.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
            *votes.entry((field("port")?, field("config-epoch")?)).or_default() += 1;
        }
        let ((port, _), _) = votes.into_iter().find(|(_, count)| *count >= 2)?;
        let index = (0..self.trio.servers().len()).find(|index| self.trio.peer_port(*index).to_string() == port)?;
        let server = &self.trio.servers()[index];
        let is_master = server.is_running() && server.try_command(&["ROLE"]).is_ok_and(|role| text(&list(role)[0]) == "master");
        is_master.then_some(index)
    }

    /// Starts what is down, and waits until everybody knows everybody.
    pub(crate) fn make_whole(&self) {
        self.trio.heal();
        self.trio.servers().iter().filter(|server| !server.is_running()).for_each(RedisServer::restart);
        self.trio.wait_until_whole();
    }
}

impl Stage for SentinelStage {
    fn bench(&self) -> &Bench {
        &self.bench
    }

    fn margin(&self) -> u64 {
        FENCE_MARGIN.0 + LEASE
    }

    fn fence(&self) -> Option<u64> {
        store::fence([self.trio.master()].into_iter())
    }
}
