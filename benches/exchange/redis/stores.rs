//! One Redis and one Cluster, prepared for use.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use cambist::cli::dev_issuer::DevIssuer;
use cambist::domain::{Clock as _, SystemClock};

use crate::cpu;
use crate::redis::plan;
use crate::servers::{Cluster, ClusterOptions, Persistence, RedisOptions, RedisServer};
use crate::site::Site;

/// How far a fence of a new store stands ahead at most (M, with a lease), and a little more.
const FENCE: Duration = Duration::from_secs(19);

/// Milliseconds, as Redis has it by default: a busy machine must not make a Cluster fail over.
const NODE_TIMEOUT: u32 = 15_000;

/// Real servers, each with an append-only file that reaches the disk each second.
pub(crate) struct Stores {
    pub(crate) single: Place,
    pub(crate) cluster: Place,
    clock: SystemClock,
}

/// Where a store is, and what it is made of.
pub(crate) struct Place {
    url: String,
    servers: Servers,
}

enum Servers {
    Single(RedisServer),
    Cluster(Cluster),
}

impl Stores {
    /// Starts and prepares them. Their fences go up now.
    pub(crate) fn start(issuer: &DevIssuer) -> anyhow::Result<Self> {
        let nodes = RedisOptions { persistence: Persistence::AofEverysec, ..RedisOptions::default() };
        let single = RedisServer::start(&nodes);
        let cluster = Cluster::start(&ClusterOptions { nodes, node_timeout: NODE_TIMEOUT, ..ClusterOptions::default() });
        let single = Place { url: single.url(), servers: Servers::Single(single) };
        let cluster = Place { url: cluster.url(), servers: Servers::Cluster(cluster) };
        for place in [&single, &cluster] {
            Site::new(issuer, plan(place), ["127.0.0.1:0", "127.0.0.1:0"])?.prepare_store(Arc::new(SystemClock::new()))?;
        }
        Ok(Self { single, cluster, clock: SystemClock::new() })
    }

    /// Waits until tokens that are issued from now on are behind no fence.
    pub(crate) fn wait_for_fences(&self) {
        thread::sleep(FENCE.saturating_sub(self.clock.monotonic()));
    }
}

impl Place {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// User and system time of all its processes so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        self.servers().iter().map(|server| cpu::of_threads(server.pid())).sum()
    }

    /// Scripts that its servers ran so far, and the time on the wall that they say these took. Replicas run none.
    pub(crate) fn scripts(&self) -> anyhow::Result<(Duration, u32)> {
        let mut all = (Duration::ZERO, 0);
        for server in self.servers() {
            let commands = server.info("commandstats");
            let Some(line) = commands.get("cmdstat_evalsha") else { continue };
            let field = |name: &str| {
                let value = line.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
                anyhow::Ok(value.with_context(|| format!("{name} in {line}"))?.parse::<u32>()?)
            };
            all = (all.0 + Duration::from_micros(field("usec")?.into()), all.1 + field("calls")?);
        }
        Ok(all)
    }

    /// How often its servers read from a connection so far: one read may bring many commands.
    pub(crate) fn reads(&self) -> anyhow::Result<u32> {
        let reads = |server: &RedisServer| anyhow::Ok(server.info("stats").get("total_reads_processed").context("reads")?.parse::<u32>()?);
        self.servers().iter().map(reads).sum()
    }

    fn servers(&self) -> &[RedisServer] {
        match &self.servers {
            Servers::Single(server) => std::slice::from_ref(server),
            Servers::Cluster(cluster) => cluster.nodes(),
        }
    }
}
