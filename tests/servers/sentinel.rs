//! A master, its replicas, and three Sentinels that watch them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use redis::RedisResult;

use super::commands::{self, pairs, text};
use super::options::{Persistence, RedisOptions};
use super::proxy::{Mode, Proxy};
use super::redis::{Kind, RedisServer};
use super::wait::{eventually, within};

/// What the Sentinels call their master.
pub(crate) const MASTER_NAME: &str = "main";

/// Sentinels.
const SENTINELS: usize = 3;

/// For a question to a Sentinel that may be stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// How three Sentinels and their servers are started.
#[derive(Clone, Debug)]
pub(crate) struct TrioOptions {
    /// How many replicas the master has.
    pub(crate) replicas: usize,
    /// Milliseconds of silence until a Sentinel takes a server for down. Below 600 they fail over without cause.
    pub(crate) down_after: u32,
    /// `failover-timeout`, in milliseconds.
    pub(crate) failover_timeout: u32,
    /// Every Redis server; with `tls`, servers and Sentinels speak only TLS with each other. The Sentinels go by the clock of the machine,
    /// whatever `clock` says: they measure silence with it.
    pub(crate) servers: RedisOptions,
    /// `requirepass` of the Sentinels.
    pub(crate) sentinel_password: Option<String>,
    /// Whether everybody reaches everybody through a proxy, so that servers can be cut off from each other and not from clients.
    pub(crate) proxied: bool,
    /// Whether the Sentinels talk and look more often than usual: an old master that returns is put right after two seconds, not eight.
    pub(crate) brisk: bool,
}

impl Default for TrioOptions {
    fn default() -> Self {
        let servers = RedisOptions { persistence: Persistence::None, ..RedisOptions::default() };
        Self { replicas: 2, down_after: 750, failover_timeout: 3000, servers, sentinel_password: None, proxied: false, brisk: true }
    }
}

/// Three Sentinels (quorum 2) and the servers they watch. Servers and Sentinels are named by their index; at the start server 0 is master.
pub(crate) struct SentinelTrio {
    options: TrioOptions,
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    /// One for each server and Sentinel, where the options ask for them.
    server_proxies: Vec<Proxy>,
    sentinel_proxies: Vec<Proxy>,
}

impl SentinelTrio {
    /// Starts all of them, and waits until every Sentinel knows everybody.
    pub(crate) fn start(options: &TrioOptions) -> Self {
        let mut trio = Self {
            options: options.clone(),
            servers: Vec::new(),
            sentinels: Vec::new(),
            server_proxies: Vec::new(),
            sentinel_proxies: Vec::new(),
        };
        (0..=options.replicas).for_each(|index| trio.add_server(index));
        eventually("every replica is attached", || {
            trio.servers[1..].iter().all(|replica| replica.info("replication")["master_link_status"] == "up")
        });
        (0..SENTINELS).for_each(|index| trio.add_sentinel(index));
        trio.introduce();
        trio
    }

    fn add_server(&mut self, index: usize) {
        let mut options = self.options.servers.clone();
        if options.tls.is_some() {
            options.lines.push("tls-replication yes".into());
        }
        options.replica_of = (index > 0).then(|| self.peer_port(0));
        let proxy = self.options.proxied.then(Proxy::without_upstream);
        if let Some(proxy) = &proxy {
            options.lines.push("replica-announce-ip 127.0.0.1".into());
            options.lines.push(format!("replica-announce-port {}", proxy.port()));
            options.lines.push(format!("bind-source-addr {}", source_of_server(index)));
        }
        let server = RedisServer::start(&options);
        if let Some(proxy) = &proxy {
            proxy.lead_to(server.peer_port());
        }
        self.servers.push(server);
        self.server_proxies.extend(proxy);
    }

    fn add_sentinel(&mut self, index: usize) {
        let (password, tls) = (self.options.sentinel_password.clone(), self.options.servers.tls.clone());
        let mut options = RedisOptions { password, tls, ..RedisOptions::default() };
        if options.tls.is_some() {
            options.lines.push("tls-replication yes".into());
        }
        if let Some(password) = &options.password {
            options.lines.push(format!("sentinel sentinel-pass {password}"));
        }
        let proxy = self.options.proxied.then(Proxy::without_upstream);
        if let Some(proxy) = &proxy {
            options.lines.push("sentinel announce-ip 127.0.0.1".into());
            options.lines.push(format!("sentinel announce-port {}", proxy.port()));
            options.lines.push(format!("bind-source-addr {}", source_of_sentinel(index)));
        }
        let sentinel = RedisServer::launch(Kind::Sentinel, &options);
        if let Some(proxy) = &proxy {
            proxy.lead_to(sentinel.peer_port());
        }
        self.sentinels.push(sentinel);
        self.sentinel_proxies.extend(proxy);
    }

    /// Shows the Sentinels their master, and waits until they have found the replicas and each other.
    fn introduce(&self) {
        let port = self.peer_port(0).to_string();
        for sentinel in &self.sentinels {
            self.set_rhythm(sentinel);
            // They talk more often until they know each other.
            sentinel.command(&["SENTINEL", "DEBUG", "publish-period", "100", "info-period", "200"]);
            sentinel.command(&["SENTINEL", "MONITOR", MASTER_NAME, "127.0.0.1", &port, "2"]);
            let set = |name: &str, value: &str| sentinel.command(&["SENTINEL", "SET", MASTER_NAME, name, value]);
            set("down-after-milliseconds", &self.options.down_after.to_string());
            set("failover-timeout", &self.options.failover_timeout.to_string());
            set("parallel-syncs", "2");
            if let Some(password) = &self.options.servers.password {
                set("auth-pass", password);
            }
        }
        self.wait_until_whole();
        self.sentinels.iter().for_each(|sentinel| self.set_rhythm(sentinel));
    }

    /// Waits until every Sentinel knows everybody, thinks well of all, and names the same master: after a failover and a return, for
    /// example.
    pub(crate) fn wait_until_whole(&self) {
        eventually("every Sentinel knows everybody", || {
            let mut masters = BTreeSet::new();
            let is_content = |sentinel: &RedisServer| {
                let ask = |words: [&str; 2]| commands::send_within(PATIENCE, sentinel.port(), &[&["SENTINEL"][..], &words].concat());
                let all_are = |words: [&str; 2], count: usize, is_well: fn(&BTreeMap<String, String>) -> bool| {
                    let known = ask(words).map(commands::list).unwrap_or_default();
                    known.len() == count && known.into_iter().map(pairs).all(|one| is_well(&one))
                };
                let Ok(master) = ask(["MASTER", MASTER_NAME]).map(pairs) else { return false };
                masters.insert(master["port"].clone());
                let follows = |replica: &BTreeMap<String, String>| {
                    ["flags", "role-reported", "master-link-status"].map(|name| replica[name].as_str()) == ["slave", "slave", "ok"]
                };
                // `master_down` is an opinion about the last master, which they keep for seconds.
                let is_well = |other: &BTreeMap<String, String>| ["sentinel", "sentinel,master_down"].contains(&other["flags"].as_str());
                master["flags"] == "master"
                    && all_are(["REPLICAS", MASTER_NAME], self.options.replicas, follows)
                    && all_are(["SENTINELS", MASTER_NAME], SENTINELS - 1, is_well)
            };
            self.sentinels.iter().all(is_content) && masters.len() == 1
        });
    }

    /// Starts a Sentinel again with what it knew, after a `kill -9` when it runs.
    pub(crate) fn restart_sentinel(&self, index: usize) {
        self.sentinels[index].restart();
        self.set_rhythm(&self.sentinels[index]);
    }

    /// What a Sentinel forgets when it ends.
    fn set_rhythm(&self, sentinel: &RedisServer) {
        // For four publish periods nobody puts back a replica that was promoted: its promotion must be seen, by an INFO a second, and told
        // in that time.
        let (publish, info) = if self.options.brisk { ("500", "500") } else { ("2000", "10000") };
        // With fewer pings every server looks down for a moment after a failover, and the next failover begins. With more of them no
        // replica is fit to be promoted: its last INFO must not be older than five pings.
        let ping = "300";
        sentinel.command(&["SENTINEL", "DEBUG", "ping-period", ping, "publish-period", publish, "info-period", info]);
    }

    /// The server that most Sentinels name now. Waits while they do not agree.
    pub(crate) fn master(&self) -> &RedisServer {
        &self.servers[self.master_index()]
    }

    /// Which one that is.
    pub(crate) fn master_index(&self) -> usize {
        let mut index = None;
        eventually("most Sentinels name the same master", || {
            index = self.named_by_most();
            index.is_some()
        });
        index.unwrap()
    }

    fn named_by_most(&self) -> Option<usize> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME];
        let ask = |sentinel: &RedisServer| -> RedisResult<String> {
            let answer = commands::send_within(PATIENCE, sentinel.port(), &words)?;
            Ok(commands::list(answer).get(1).map(text).unwrap_or_default())
        };
        let named: Vec<String> = self.sentinels.iter().filter_map(|sentinel| ask(sentinel).ok()).collect();
        let votes = |index: usize| named.iter().filter(|port| **port == self.peer_port(index).to_string()).count();
        (0..self.servers.len()).find(|index| votes(*index) > SENTINELS / 2)
    }

    /// Every server, the master of the start first.
    pub(crate) fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    pub(crate) fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// The proxy before each server. Empty when the options ask for none.
    pub(crate) fn server_proxies(&self) -> &[Proxy] {
        &self.server_proxies
    }

    /// The proxy before each Sentinel. Empty when the options ask for none.
    pub(crate) fn sentinel_proxies(&self) -> &[Proxy] {
        &self.sentinel_proxies
    }

    /// The Sentinels, and what they call the master: `redis+sentinel://…?master=…`, or `rediss+sentinel://…` with TLS.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.options.servers.tls.is_some() { "rediss" } else { "redis" };
        let port = |index: usize| self.sentinel_proxies.get(index).map_or_else(|| self.sentinels[index].peer_port(), Proxy::port);
        let addresses: Vec<String> = (0..SENTINELS).map(|index| format!("127.0.0.1:{}", port(index))).collect();
        format!("{scheme}+sentinel://{}?master={MASTER_NAME}", addresses.join(","))
    }

    /// The port at which everybody knows a server.
    pub(crate) fn peer_port(&self, index: usize) -> u16 {
        self.server_proxies.get(index).map_or_else(|| self.servers[index].peer_port(), Proxy::port)
    }

    /// Waits until most Sentinels name another master than this one, and that one takes itself for a master. Which one that is.
    ///
    /// They are asked as clients ask them: SENTINEL GET-MASTER-ADDR-BY-NAME names the new one while the failover still goes on, and
    /// SENTINEL MASTER only at its end.
    pub(crate) fn wait_for_failover(&self, from: usize) -> usize {
        let mut index = None;
        eventually("there is another master", || {
            index = self.named_by_most().filter(|index| *index != from && is_master(&self.servers[*index]));
            index.is_some()
        });
        index.unwrap()
    }

    /// Makes a replica master while the old one is well. Which one became it.
    pub(crate) fn failover(&self) -> usize {
        let from = self.master_index();
        // A Sentinel refuses while it knows no replica fit for it, and for a while after the last failover.
        let mut index = None;
        eventually("there is another master", || {
            let ordered = self.sentinels.iter().any(|sentinel| sentinel.try_command(&["SENTINEL", "FAILOVER", MASTER_NAME]).is_ok());
            within(Duration::from_secs(if ordered { 5 } else { 0 }), || {
                index = self.named_by_most().filter(|index| *index != from && is_master(&self.servers[*index]));
                index.is_some()
            })
        });
        index.unwrap()
    }

    /// Every replica stays where it is, and nobody sees a connection end, until [`Self::heal`]. Needs proxies.
    pub(crate) fn stall_replication(&self) {
        let master = self.master_index();
        let replicas = (0..self.servers.len()).filter(|index| *index != master);
        replicas.for_each(|replica| self.server_proxies[master].set_for(source_of_server(replica), Mode::Stall));
    }

    /// Cuts a server off from all other servers and Sentinels, and not from clients. Needs proxies.
    pub(crate) fn isolate_server(&self, index: usize) {
        let others = (0..self.servers.len()).filter(|other| *other != index);
        for source in others.clone().map(source_of_server).chain((0..SENTINELS).map(source_of_sentinel)) {
            self.server_proxies[index].set_for(source, Mode::DropBoth);
        }
        others.for_each(|other| self.server_proxies[other].set_for(source_of_server(index), Mode::DropBoth));
    }

    /// Cuts a Sentinel off from all servers and other Sentinels, and not from clients. Needs proxies.
    pub(crate) fn isolate_sentinel(&self, index: usize) {
        let others = (0..SENTINELS).filter(|other| *other != index);
        others.clone().for_each(|other| self.sentinel_proxies[index].set_for(source_of_sentinel(other), Mode::DropBoth));
        let reached = others.map(|other| &self.sentinel_proxies[other]).chain(&self.server_proxies);
        reached.for_each(|proxy| proxy.set_for(source_of_sentinel(index), Mode::DropBoth));
    }

    /// Ends every isolation.
    pub(crate) fn heal(&self) {
        self.server_proxies.iter().chain(&self.sentinel_proxies).for_each(Proxy::forget_sources);
    }
}

fn is_master(server: &RedisServer) -> bool {
    let role = commands::send_within(PATIENCE, server.port(), &["ROLE"]);
    role.is_ok_and(|role| commands::list(role).first().map(text).as_deref() == Some("master"))
}

/// Where a proxied server connects from.
fn source_of_server(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 2, u8::try_from(index).unwrap() + 1)
}

/// Where a proxied Sentinel connects from.
fn source_of_sentinel(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 3, u8::try_from(index).unwrap() + 1)
}
