//! A Redis Cluster of three masters with a replica each.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::commands::{self, text};
use super::options::{Persistence, RedisOptions};
use super::proxy::{Mode, Proxy};
use super::redis::{Kind, RedisServer};
use super::wait::{eventually, within};

/// Nodes: the first half are masters at the start, and node `i + 3` is the replica of node `i`.
const NODES: usize = 6;
const MASTERS: usize = 3;

/// For a question to a node that may be stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a Cluster is started.
#[derive(Clone, Debug)]
pub(crate) struct ClusterOptions {
    /// Milliseconds of silence until a node takes another for down.
    pub(crate) node_timeout: u32,
    /// Every node; with `tls`, they speak only TLS with each other.
    pub(crate) nodes: RedisOptions,
    /// Whether everybody reaches everybody through a proxy, so that nodes can be cut off from each other and not from clients.
    pub(crate) proxied: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        let nodes = RedisOptions { persistence: Persistence::None, ..RedisOptions::default() };
        Self { node_timeout: 1000, nodes, proxied: false }
    }
}

/// Six nodes, named by their index.
pub(crate) struct Cluster {
    options: ClusterOptions,
    nodes: Vec<RedisServer>,
    /// The name of each node in the Cluster, from the start on.
    ids: Vec<String>,
    /// Before each node, for clients and for the bus, where the options ask for them.
    proxies: Vec<Proxy>,
    bus_proxies: Vec<Proxy>,
}

/// What a node says of itself in CLUSTER NODES.
struct Myself {
    is_master: bool,
    /// The id of its master, `-` for a master.
    master: String,
    epoch: u64,
    slots: Vec<RangeInclusive<u16>>,
}

impl Cluster {
    /// Starts the nodes, joins them, and waits until every one is content.
    pub(crate) fn start(options: &ClusterOptions) -> Self {
        let mut cluster =
            Self { options: options.clone(), nodes: Vec::new(), ids: Vec::new(), proxies: Vec::new(), bus_proxies: Vec::new() };
        (0..NODES).for_each(|index| cluster.add_node(index));
        cluster.join();
        cluster
    }

    fn add_node(&mut self, index: usize) {
        let mut options = self.options.nodes.clone();
        let lines = &mut options.lines;
        lines.push(format!("cluster-node-timeout {}", self.options.node_timeout));
        // Roles change only where a test or a failure changes them.
        lines.extend(["cluster-announce-ip 127.0.0.1", "cluster-allow-replica-migration no"].map(String::from));
        if options.tls.is_some() {
            lines.extend(["tls-cluster yes", "tls-replication yes"].map(String::from));
        }
        let proxies = self.options.proxied.then(|| (Proxy::without_upstream(), Proxy::without_upstream()));
        if let Some((clients, bus)) = &proxies {
            let name = if options.tls.is_some() { "cluster-announce-tls-port" } else { "cluster-announce-port" };
            lines.push(format!("{name} {}", clients.port()));
            lines.push(format!("cluster-announce-bus-port {}", bus.port()));
            lines.push(format!("bind-source-addr {}", source_of(index)));
        }
        let node = RedisServer::launch(Kind::ClusterNode, &options);
        if let Some((clients, bus)) = proxies {
            clients.lead_to(node.peer_port());
            bus.lead_to(node.bus_port());
            self.proxies.push(clients);
            self.bus_proxies.push(bus);
        }
        self.ids.push(text(&node.command(&["CLUSTER", "MYID"])));
        self.nodes.push(node);
    }

    fn join(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index < MASTERS {
                node.command(&["CLUSTER", "ADDSLOTSRANGE", &first_slot(index).to_string(), &(first_slot(index + 1) - 1).to_string()]);
            }
            for other in 0..index {
                let (port, bus) = (self.peer_port(other).to_string(), self.bus_port(other).to_string());
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        eventually("every node knows all others", || {
            self.nodes.iter().all(|node| {
                let known = text(&node.command(&["CLUSTER", "NODES"]));
                known.lines().count() == NODES && !known.contains("handshake")
            })
        });
        for index in MASTERS..NODES {
            self.nodes[index].command(&["CLUSTER", "REPLICATE", &self.ids[index - MASTERS]]);
        }
        self.wait_until_whole();
    }

    /// Waits until every node runs, is content, knows all roles, and follows its master.
    pub(crate) fn wait_until_whole(&self) {
        eventually("the Cluster is whole", || {
            self.nodes.iter().all(|node| {
                let Ok(known) = commands::send_within(PATIENCE, node.port(), &["CLUSTER", "NODES"]) else { return false };
                let known = text(&known);
                let replicas = known.lines().filter(|line| line.contains("slave")).count();
                let info = node.info("replication");
                let follows = info["role"] == "master" || info["master_link_status"] == "up";
                is_content(node) && replicas == NODES - MASTERS && !known.contains("fail") && follows
            })
        });
    }

    /// Waits until every node that runs is content.
    pub(crate) fn wait_until_content(&self) {
        eventually("every node is content", || self.nodes.iter().filter(|node| node.is_running()).all(is_content));
    }

    /// Every node. Kill and restart them as you like; one that starts without its data is a stranger to the others.
    pub(crate) fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The names of the nodes in the Cluster, as of the start.
    pub(crate) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The proxy before each node, for clients and replicas. Empty when the options ask for none.
    pub(crate) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// Every node: `redis+cluster://…`, or `rediss+cluster://…` with TLS.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.options.nodes.tls.is_some() { "rediss" } else { "redis" };
        let addresses: Vec<String> = (0..NODES).map(|index| format!("127.0.0.1:{}", self.peer_port(index))).collect();
        format!("{scheme}+cluster://{}", addresses.join(","))
    }

    /// The port at which everybody knows a node.
    pub(crate) fn peer_port(&self, index: usize) -> u16 {
        self.proxies.get(index).map_or_else(|| self.nodes[index].peer_port(), Proxy::port)
    }

    fn bus_port(&self, index: usize) -> u16 {
        self.bus_proxies.get(index).map_or_else(|| self.nodes[index].bus_port(), Proxy::port)
    }

    /// What a node that answers says of itself.
    fn myself(&self, index: usize) -> Option<Myself> {
        let known = text(&commands::send_within(PATIENCE, self.nodes[index].port(), &["CLUSTER", "NODES"]).ok()?);
        let line = known.lines().find(|line| line.contains("myself"))?;
        let words: Vec<&str> = line.split(' ').collect();
        // Slots on the move stand in brackets, after those it owns.
        let slots = words[8..].iter().filter(|word| !word.starts_with('['));
        let range = |word: &&str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            first.parse().unwrap()..=last.parse().unwrap()
        };
        Some(Myself {
            is_master: words[2].contains("master"),
            master: words[3].to_owned(),
            epoch: words[6].parse().unwrap(),
            slots: slots.map(range).collect(),
        })
    }

    /// The slot of a key.
    pub(crate) fn slot_of(&self, key: &str) -> u16 {
        let node = self.nodes.iter().find(|node| node.is_running()).expect("one node runs");
        text(&node.command(&["CLUSTER", "KEYSLOT", key])).parse().unwrap()
    }

    /// The node that owns a slot: of those that answer and claim it, the one with the highest epoch. Waits while there is none.
    pub(crate) fn master_of_slot(&self, slot: u16) -> usize {
        let mut owner = None;
        eventually("a node owns the slot", || {
            owner = self.owner(slot);
            owner.is_some()
        });
        owner.unwrap()
    }

    fn owner(&self, slot: u16) -> Option<usize> {
        let claims = (0..NODES).filter_map(|index| Some((index, self.myself(index)?)));
        let owners = claims.filter(|(_, myself)| myself.is_master && myself.slots.iter().any(|range| range.contains(&slot)));
        owners.max_by_key(|(_, myself)| myself.epoch).map(|(index, _)| index)
    }

    /// The nodes that own the first slots of the three original shares.
    pub(crate) fn masters(&self) -> Vec<usize> {
        (0..MASTERS).map(|share| self.master_of_slot(first_slot(share))).collect()
    }

    /// The nodes that answer and follow this one.
    pub(crate) fn replicas_of(&self, index: usize) -> Vec<usize> {
        let follows = |other: &usize| self.myself(*other).is_some_and(|myself| myself.master == self.ids[index]);
        (0..NODES).filter(follows).collect()
    }

    /// Waits until a slot belongs to another node than this one. Which one that is.
    pub(crate) fn wait_for_failover(&self, slot: u16, from: usize) -> usize {
        let mut owner = None;
        eventually("another node owns the slot", || {
            owner = self.owner(slot).filter(|owner| *owner != from);
            owner.is_some()
        });
        owner.unwrap()
    }

    /// Makes a replica master, with the consent of its master and of the others.
    pub(crate) fn failover(&self, replica: usize) {
        self.promote(replica, &["CLUSTER", "FAILOVER"]);
    }

    /// Makes a replica master without asking anybody.
    pub(crate) fn takeover(&self, replica: usize) {
        self.promote(replica, &["CLUSTER", "FAILOVER", "TAKEOVER"]);
    }

    fn promote(&self, replica: usize, words: &[&str]) {
        eventually("the replica is master", || {
            // An order lapses after five seconds.
            let ordered = self.nodes[replica].try_command(words).is_ok();
            let is_master = || self.myself(replica).is_some_and(|myself| myself.is_master);
            within(Duration::from_secs(if ordered { 6 } else { 0 }), is_master)
        });
    }

    /// Moves a slot with its keys from its master to another one, while clients use both.
    pub(crate) fn migrate_slot(&self, slot: u16, from: usize, to: usize) {
        let number = slot.to_string();
        let set = |node: usize, words: &[&str]| self.nodes[node].command(&[&["CLUSTER", "SETSLOT", &number], words].concat());
        set(to, &["IMPORTING", &self.ids[from]]);
        set(from, &["MIGRATING", &self.ids[to]]);
        let port = self.peer_port(to).to_string();
        loop {
            let keys = commands::list(self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &number, "100"]));
            if keys.is_empty() {
                break;
            }
            let keys: Vec<String> = keys.iter().map(text).collect();
            let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "AUTH2", "harness", "harness", "KEYS"];
            words.extend(keys.iter().map(String::as_str));
            self.nodes[from].command(&words);
        }
        set(to, &["NODE", &self.ids[to]]);
        set(from, &["NODE", &self.ids[to]]);
        // The others hear of it from the new owner.
        let owned_by_new = |index: usize| {
            let known = text(&self.nodes[index].command(&["CLUSTER", "NODES"]));
            let line = known.lines().find(|line| line.starts_with(&self.ids[to])).unwrap_or_default();
            line.split(' ').skip(8).filter(|word| !word.starts_with('[')).any(|word| {
                let (first, last) = word.split_once('-').unwrap_or((word, word));
                (first.parse().unwrap()..=last.parse().unwrap()).contains(&slot)
            })
        };
        let running = || (0..NODES).filter(|index| self.nodes[*index].is_running());
        eventually("every node knows the new owner", || running().all(owned_by_new));
    }

    /// Cuts a node off from all others, and not from clients. Needs proxies.
    pub(crate) fn isolate(&self, index: usize) {
        for other in (0..NODES).filter(|other| *other != index) {
            for (behind, source) in [(index, other), (other, index)] {
                self.proxies[behind].set_for(source_of(source), Mode::DropBoth);
                self.bus_proxies[behind].set_for(source_of(source), Mode::DropBoth);
            }
        }
    }

    /// Ends every isolation.
    pub(crate) fn heal(&self) {
        self.proxies.iter().chain(&self.bus_proxies).for_each(Proxy::forget_sources);
    }
}

/// Where a master's share begins at the start.
fn first_slot(share: usize) -> u16 {
    u16::try_from(share * 16384 / MASTERS).unwrap()
}

fn is_content(node: &RedisServer) -> bool {
    let info = commands::send_within(PATIENCE, node.port(), &["CLUSTER", "INFO"]);
    info.is_ok_and(|info| commands::fields(&text(&info))["cluster_state"] == "ok")
}

/// Where a proxied node connects from.
fn source_of(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 4, u8::try_from(index).unwrap() + 1)
}
