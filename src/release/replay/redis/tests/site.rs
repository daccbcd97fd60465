//! Real servers whose wall clock follows that of a test.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use crate::domain::{Seconds, Timestamp};
use crate::release::replay::world::START;
use crate::servers::{
    ClockFile, Cluster, ClusterOptions, MASTER_NAME, Persistence, Proxy, RedisOptions, RedisServer, SentinelTrio, TrioOptions, eventually,
    list, text,
};
use crate::store::redis::{Address, Credentials, ReadSecret, RedisSettings, Topology};

/// The wall clock of all servers. It follows ours forward only: the past comes back when everything is lost.
#[derive(Clone)]
pub(super) struct StoreClock {
    file: ClockFile,
    latest: Arc<Mutex<Timestamp>>,
}

impl StoreClock {
    /// A clock that runs, from [`START`] on: clusters do not form in a standing one.
    #[expect(clippy::disallowed_methods, reason = "the file holds the difference to the machine's clock")]
    fn running() -> Self {
        let (file, machine) = (ClockFile::new(), std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
        file.set_offset(i64::try_from(START.unix()).unwrap() - i64::try_from(machine).unwrap());
        // Later than it can be until it stands.
        Self { file, latest: Arc::new(Mutex::new(START + Seconds(100))) }
    }

    pub(super) fn standing() -> Self {
        let clock = Self { file: ClockFile::new(), latest: Arc::default() };
        clock.set(START);
        clock
    }

    pub(super) fn file(&self) -> ClockFile {
        self.file.clone()
    }

    /// Stands in the middle of that second, so that both ends of one can go wrong.
    pub(super) fn set(&self, now: Timestamp) {
        *self.latest.lock().unwrap() = now;
        self.file.freeze_at_millis(now.unix() * 1_000 + 500);
    }

    pub(super) fn follow(&self, now: Timestamp) {
        self.set(self.now().max(now));
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.latest.lock().unwrap()
    }
}

/// What is behind the store.
pub(super) enum Servers {
    Cluster(Cluster),
    /// A server, and what stands before it.
    Proxied(RedisServer, Proxy),
    Sentinel(SentinelTrio),
    Single(RedisServer),
}

/// Servers and their clock. Every server has the user of `deploy/redis/users.acl`, and nobody else is ever used.
pub(super) struct Site {
    pub(super) clock: StoreClock,
    pub(super) servers: Servers,
}

impl Site {
    pub(super) fn of(server: RedisServer, clock: StoreClock) -> Arc<Self> {
        Arc::new(Self { clock, servers: Servers::Single(server) })
    }

    pub(super) fn single(options: RedisOptions) -> Arc<Self> {
        let clock = StoreClock::standing();
        Self::of(RedisServer::start(&with_user(options, &clock)), clock)
    }

    /// A server behind a proxy.
    pub(super) fn proxied() -> Arc<Self> {
        let clock = StoreClock::standing();
        let server = RedisServer::start(&with_user(RedisOptions::default(), &clock));
        let proxy = Proxy::start(server.port());
        Arc::new(Self { clock, servers: Servers::Proxied(server, proxy) })
    }

    /// One master with two replicas; no silence is so long that a Sentinel acts.
    pub(super) fn sentinel() -> Arc<Self> {
        let clock = StoreClock::standing();
        let trio = TrioOptions { down_after: 1_000_000_000, servers: patient(&clock), ..TrioOptions::default() };
        Arc::new(Self { clock, servers: Servers::Sentinel(SentinelTrio::start(&trio)) })
    }

    /// Three masters with a replica each; no silence is so long that a node acts.
    pub(super) fn cluster() -> Arc<Self> {
        let clock = StoreClock::running();
        let cluster = Cluster::start(&ClusterOptions { nodes: patient(&clock), ..ClusterOptions::default() });
        for node in cluster.nodes() {
            node.command(&["CONFIG", "SET", "cluster-node-timeout", "1000000000000"]);
        }
        Arc::new(Self { clock, servers: Servers::Cluster(cluster) })
    }

    /// The servers that hold the records.
    pub(super) fn masters(&self) -> Vec<&RedisServer> {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.masters().into_iter().map(|index| &cluster.nodes()[index]).collect(),
            Servers::Sentinel(trio) => vec![trio.master()],
            Servers::Proxied(server, _) | Servers::Single(server) => vec![server],
        }
    }

    pub(super) fn settings(&self) -> RedisSettings {
        RedisSettings {
            topology: self.topology(),
            database: 0,
            credentials: Credentials {
                username: Some("cambist".into()),
                password: Some(ReadSecret::new(|| Ok(SecretString::from(PASSWORD)))),
            },
            sentinel_credentials: Credentials::default(),
            tls: None,
            prefix: "cambist:".into(),
        }
    }

    fn topology(&self) -> Topology {
        let here = |port| Address { host: "127.0.0.1".into(), port };
        match &self.servers {
            Servers::Cluster(cluster) => {
                Topology::Cluster { seeds: (0..cluster.nodes().len()).map(|index| here(cluster.peer_port(index))).collect() }
            }
            Servers::Sentinel(trio) => Topology::Sentinel {
                sentinels: trio.sentinels().iter().map(|sentinel| here(sentinel.port())).collect(),
                master: MASTER_NAME.into(),
            },
            Servers::Proxied(_, proxy) => Topology::Single(here(proxy.port())),
            Servers::Single(server) => Topology::Single(here(server.port())),
        }
    }

    /// The servers start again with nothing. A cluster whose nodes forgot each other is no cluster any more; there everything is flushed.
    pub(super) fn lose_everything(&self) {
        match &self.servers {
            Servers::Cluster(_) => self.flush(),
            Servers::Sentinel(trio) => {
                trio.master().restart_empty();
                eventually("the replicas follow again", || {
                    trio.servers()[1..].iter().all(|replica| replica.info("replication")["master_link_status"] == "up")
                });
            }
            Servers::Proxied(server, _) | Servers::Single(server) => server.restart_empty(),
        }
    }

    pub(super) fn flush(&self) {
        for master in self.masters() {
            master.command(&["FLUSHALL"]);
        }
    }

    /// The keys of all spent tokens.
    pub(super) fn record_keys(&self) -> Vec<String> {
        let keys = |server: &RedisServer| list(server.command(&["KEYS", "cambist:{*}:v1:spent:*"]));
        self.masters().into_iter().flat_map(keys).map(|key| text(&key)).collect()
    }
}

pub(super) fn with_user(options: RedisOptions, clock: &StoreClock) -> RedisOptions {
    RedisOptions { clock: Some(clock.file()), users: vec![RedisOptions::documented_user(PASSWORD)], ..options }
}

/// No clock that jumps parts a replica from its master.
fn patient(clock: &StoreClock) -> RedisOptions {
    let lines = ["repl-timeout 1000000000", "repl-backlog-ttl 0"].map(String::from).into();
    with_user(RedisOptions { persistence: Persistence::None, lines, ..RedisOptions::default() }, clock)
}

pub(super) const PASSWORD: &str = "secret";
