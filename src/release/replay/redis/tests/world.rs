//! A guard on real servers whose wall clock follows ours.

use std::sync::{Arc, Mutex};

use crate::domain::{Clock, ManualClock, Seconds, SystemClock, Timestamp};
use crate::release::replay::spend::{Spend, Verdict};
use crate::release::replay::world::{START, World, past_the_fence};
use crate::release::replay::{ReplayGuard, SpendError};
use crate::servers::{
    ClockFile, Cluster, ClusterOptions, MASTER_NAME, Persistence, RedisOptions, RedisServer, SentinelTrio, TrioOptions, list, text,
};
use crate::store::redis::{Address, Credentials, RedisSettings, Topology};
use crate::store::{OpenMode, RedisStore, Store, StoreError};

/// The wall clock of all servers. It follows ours forward only: the past comes back when everything is lost.
pub(super) struct StoreClock {
    file: ClockFile,
    latest: Mutex<Timestamp>,
}

impl StoreClock {
    /// A clock that runs, from [`START`] on: clusters do not form in a standing one.
    #[expect(clippy::disallowed_methods, reason = "the file holds the difference to the machine's clock")]
    pub(super) fn running() -> Self {
        let (file, machine) = (ClockFile::new(), std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
        file.set_offset(i64::try_from(START.unix()).unwrap() - i64::try_from(machine).unwrap());
        // What has passed until it stands.
        Self { file, latest: Mutex::new(START + Seconds(100)) }
    }

    pub(super) fn standing() -> Self {
        let clock = Self { file: ClockFile::new(), latest: Mutex::new(START) };
        clock.set(START);
        clock
    }

    pub(super) fn file(&self) -> ClockFile {
        self.file.clone()
    }

    /// In the middle of a second, so that both ends of one can go wrong.
    pub(super) fn set(&self, now: Timestamp) {
        *self.latest.lock().unwrap() = now;
        self.file.freeze_at_millis(now.unix() * 1_000 + 500);
    }

    fn follow(&self, now: Timestamp) {
        let latest = self.now().max(now);
        self.set(latest);
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.latest.lock().unwrap()
    }
}

/// What is behind the store.
pub(super) enum Servers {
    Cluster(Cluster),
    Sentinel(SentinelTrio),
    Single(RedisServer),
}

impl Servers {
    /// The servers that hold the records.
    pub(super) fn masters(&self) -> Vec<&RedisServer> {
        match self {
            Self::Cluster(cluster) => cluster.masters().into_iter().map(|index| &cluster.nodes()[index]).collect(),
            Self::Sentinel(trio) => vec![trio.master()],
            Self::Single(server) => vec![server],
        }
    }

    fn topology(&self) -> Topology {
        let here = |port| Address { host: "127.0.0.1".into(), port };
        match self {
            Self::Cluster(cluster) => {
                Topology::Cluster { seeds: (0..cluster.nodes().len()).map(|index| here(cluster.peer_port(index))).collect() }
            }
            Self::Sentinel(trio) => Topology::Sentinel {
                sentinels: trio.sentinels().iter().map(|sentinel| here(sentinel.port())).collect(),
                master: MASTER_NAME.into(),
            },
            Self::Single(server) => Topology::Single(here(server.port())),
        }
    }

    /// Starts again with nothing. A cluster whose nodes forget each other is no cluster any more; there everything is flushed.
    fn lose_everything(&self) {
        match self {
            Self::Cluster(_) => self.flush(),
            Self::Sentinel(trio) => {
                trio.master().restart_empty();
                crate::servers::eventually("the replicas have followed", || {
                    trio.servers()[1..].iter().all(|replica| replica.info("replication")["master_link_status"] == "up")
                });
            }
            Self::Single(server) => server.restart_empty(),
        }
    }

    pub(super) fn flush(&self) {
        for master in self.masters() {
            master.command(&["FLUSHALL"]);
        }
    }
}

/// Everything that outlives one world.
pub(super) struct Site {
    pub(super) clock: StoreClock,
    pub(super) servers: Servers,
}

impl Site {
    pub(super) fn single(options: RedisOptions) -> Arc<Self> {
        let clock = StoreClock::standing();
        let servers = Servers::Single(RedisServer::start(&RedisOptions { clock: Some(clock.file()), ..options }));
        Arc::new(Self { clock, servers })
    }

    /// One master with two replicas; no silence is so long that a Sentinel acts.
    pub(super) fn sentinel() -> Arc<Self> {
        let clock = StoreClock::standing();
        let servers =
            RedisOptions { persistence: Persistence::None, clock: Some(clock.file()), lines: patient(), ..RedisOptions::default() };
        let trio = SentinelTrio::start(&TrioOptions { down_after: 1_000_000_000, servers, ..TrioOptions::default() });
        Arc::new(Self { clock, servers: Servers::Sentinel(trio) })
    }

    /// Three masters with a replica each; no silence is so long that a node acts.
    pub(super) fn cluster() -> Arc<Self> {
        let clock = StoreClock::running();
        let nodes = RedisOptions { persistence: Persistence::None, clock: Some(clock.file()), lines: patient(), ..RedisOptions::default() };
        let cluster = Cluster::start(&ClusterOptions { nodes, ..ClusterOptions::default() });
        for node in cluster.nodes() {
            node.command(&["CONFIG", "SET", "cluster-node-timeout", "1000000000000"]);
        }
        Arc::new(Self { clock, servers: Servers::Cluster(cluster) })
    }
}

/// No clock that jumps parts a replica from its master.
fn patient() -> Vec<String> {
    ["repl-timeout 1000000000", "repl-backlog-ttl 0"].map(String::from).into()
}

/// A guard on a [`Site`].
pub(super) struct RedisWorld {
    clock: Arc<ManualClock>,
    pub(super) site: Arc<Site>,
    pub(super) credentials: Credentials,
    open: Option<(RedisStore, ReplayGuard)>,
}

impl RedisWorld {
    /// Begins with nothing, at the time of the site.
    pub(super) async fn on(site: Arc<Site>) -> Self {
        Self::with(site, Credentials::default()).await
    }

    pub(super) async fn with(site: Arc<Site>, credentials: Credentials) -> Self {
        let now = site.clock.now();
        site.clock.set(now);
        site.servers.flush();
        let mut world = Self { clock: Arc::new(ManualClock::at(now)), site, credentials, open: None };
        world.start(OpenMode::Init { accept_loss: false }).await.unwrap();
        world
    }

    /// A server of its own, past its first fence.
    pub(super) async fn single(options: RedisOptions) -> Self {
        past_the_fence(Self::on(Site::single(options)).await)
    }

    pub(super) fn server(&self) -> &RedisServer {
        self.site.servers.masters()[0]
    }

    pub(super) fn store(&self) -> &RedisStore {
        &self.open.as_ref().unwrap().0
    }

    pub(super) fn settings(&self) -> RedisSettings {
        RedisSettings {
            topology: self.site.servers.topology(),
            database: 0,
            credentials: self.credentials.clone(),
            sentinel_credentials: Credentials::default(),
            tls: None,
            prefix: "cambist:".into(),
        }
    }

    pub(super) async fn start(&mut self, mode: OpenMode) -> Result<(), SpendError> {
        self.open = None;
        self.site.clock.follow(self.clock.now());
        // Leases are about real time.
        let store = RedisStore::open(self.settings(), mode, Arc::new(SystemClock::new())).await?;
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let guard = ReplayGuard::open(&Store::Redis(store.clone()), clock).await?;
        self.open = Some((store, guard));
        Ok(())
    }

    /// The keys of all spent tokens.
    pub(super) fn record_keys(&self) -> Vec<String> {
        let keys = |server: &RedisServer| list(server.command(&["KEYS", "cambist:{*}:v1:spent:*"]));
        self.site.servers.masters().into_iter().flat_map(keys).map(|key| text(&key)).collect()
    }
}

impl World for RedisWorld {
    fn guard(&self) -> &ReplayGuard {
        self.site.clock.follow(self.clock.now());
        &self.open.as_ref().unwrap().1
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn ask_as_of(&self, sent_at: Timestamp, attempt: Spend) -> Verdict {
        let (now, guard) = (self.clock.now(), self.guard());
        self.clock.step_to(sent_at);
        let verdict = guard.ask(attempt).await;
        self.clock.step_to(now);
        verdict.unwrap()
    }

    async fn try_restart(&mut self) -> Result<(), SpendError> {
        self.start(OpenMode::Serve).await
    }

    async fn lose_everything(&mut self) {
        self.open = None;
        self.site.servers.lose_everything();
        self.site.clock.set(self.clock.now());
        self.start(OpenMode::Init { accept_loss: false }).await.unwrap();
    }

    fn records(&self) -> usize {
        self.site.clock.follow(self.clock.now());
        self.record_keys().len()
    }
}

/// What a store that was lost is opened with.
pub(super) fn is_unavailable(outcome: &Result<(), SpendError>) -> bool {
    matches!(outcome, Err(SpendError::Unavailable(StoreError::Redis(_))))
}
