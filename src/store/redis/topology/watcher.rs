//! Keeps the map current.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::domain::Clock;
use crate::store::redis::connection::Link;
use crate::store::redis::connection::Peer;
use crate::store::redis::fault::RedisFault;
use crate::store::redis::settings::{Address, RedisSettings, Topology};

use super::cluster::{self, Owner, View};
use super::map::{Asked, Map, Route};
use super::{ASK_EVERY, PAUSE, sentinel};

/// The map, and the task that asks the witnesses.
pub(in crate::store::redis) struct Watcher {
    clock: Arc<dyn Clock>,
    map: Arc<ArcSwap<Map>>,
    looked: watch::Receiver<u64>,
    task: Option<JoinHandle<()>>,
    wake: Arc<Notify>,
}

impl Watcher {
    /// Begins to look. Must be called inside the runtime.
    pub(in crate::store::redis) fn start(settings: &Arc<RedisSettings>, clock: &Arc<dyn Clock>) -> Self {
        let (wake, map) = (Arc::new(Notify::new()), Arc::new(ArcSwap::from_pointee(Map::unknown())));
        let (looks, looked) = watch::channel(0);
        let links = Links { settings: Arc::clone(settings), known: HashMap::new() };
        let mut scout = Scout { clock: Arc::clone(clock), links, map: Arc::clone(&map) };
        let task = if let Topology::Single(address) = &settings.topology {
            let link = scout.links.to(address, Peer::Server);
            map.store(Arc::new(Map::of_one(Route { link, epoch: 0, confirmed: None })));
            None
        } else {
            let wake = Arc::clone(&wake);
            Some(tokio::spawn(async move {
                loop {
                    scout.look().await;
                    looks.send_modify(|count| *count += 1);
                    // Errors of every call may ask for another look; the witnesses are not asked for each of them.
                    sleep(PAUSE).await;
                    let _ = timeout(ASK_EVERY.saturating_sub(PAUSE), wake.notified()).await;
                }
            }))
        };
        Self { clock: Arc::clone(clock), map, looked, task, wake }
    }

    pub(in crate::store::redis) fn map(&self) -> Arc<Map> {
        self.map.load_full()
    }

    /// Has the witnesses asked at once, and waits until they were, or for `patience`.
    pub(in crate::store::redis) async fn look_again(&self, patience: Duration) {
        if self.task.is_none() {
            return;
        }
        let mut looked = self.looked.clone();
        looked.mark_unchanged();
        self.wake.notify_one();
        let _ = timeout(patience, looked.changed()).await;
    }

    /// Waits until every tag may be asked.
    pub(in crate::store::redis) async fn until_whole(&self, patience: Duration) -> Result<(), RedisFault> {
        let whole = async {
            while !self.map.load().is_whole(&*self.clock) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(patience, whole).await;
        waited.map_err(|_| RedisFault::NoLease { found: self.map.load().found().into() })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Connections by address. Those that lead nowhere of interest are closed.
struct Links {
    settings: Arc<RedisSettings>,
    known: HashMap<(Address, bool), Arc<Link>>,
}

impl Links {
    fn to(&mut self, address: &Address, peer: Peer) -> Arc<Link> {
        let settings = &self.settings;
        let link = self.known.entry((address.clone(), peer == Peer::Sentinel));
        Arc::clone(link.or_insert_with(|| Arc::new(Link::new(settings, address.clone(), peer))))
    }

    fn keep_servers(&mut self, wanted: &BTreeSet<Address>) {
        self.known.retain(|(address, sentinel), _| *sentinel || wanted.contains(address));
    }
}

struct Scout {
    clock: Arc<dyn Clock>,
    links: Links,
    map: Arc<ArcSwap<Map>>,
}

impl Scout {
    async fn look(&mut self) {
        match self.links.settings.topology.clone() {
            Topology::Single(_) => {}
            Topology::Sentinel { sentinels, master } => self.ask_sentinels(&sentinels, &master).await,
            Topology::Cluster { seeds } => self.ask_nodes(&seeds).await,
        }
    }

    async fn ask_sentinels(&mut self, sentinels: &[Address], master: &Arc<str>) {
        let asked = Asked::now(&*self.clock);
        let mut asking = JoinSet::new();
        for address in sentinels {
            let (link, master) = (self.links.to(address, Peer::Sentinel), Arc::clone(master));
            asking.spawn(async move { sentinel::ask(&link, &master).await });
        }
        let (mut votes, mut fault) = (Vec::new(), None);
        while let Some(answer) = asking.join_next().await {
            match answer {
                Ok(Ok(vote)) => votes.push(vote),
                Ok(Err(found)) => fault = Some(sentinel::told(&found)),
                Err(_) => {}
            }
        }
        match sentinel::tally(&votes, sentinels.len()) {
            Ok((address, epoch)) => {
                let link = self.links.to(&address, Peer::Server);
                let changed = !self.map.load().masters().iter().any(|known| Arc::ptr_eq(known, &link));
                self.map.store(Arc::new(Map::of_one(Route { link, epoch, confirmed: Some(asked) })));
                if changed {
                    tracing::info!(store.master = %address, store.epoch = epoch, "a majority of Sentinels names this master");
                    self.links.keep_servers(&BTreeSet::from([address]));
                }
            }
            // One of them stands for all: they tend to fail alike.
            Err(found) => self.nothing_new([Some(found), fault].into_iter().flatten().collect::<Vec<_>>().join("; ")),
        }
    }

    async fn ask_nodes(&mut self, seeds: &[Address]) {
        let asked = Asked::now(&*self.clock);
        let mut addresses: BTreeSet<Address> = seeds.iter().cloned().collect();
        addresses.extend(self.links.known.keys().map(|(address, _)| address.clone()));
        let mut asking = JoinSet::new();
        for address in &addresses {
            let link = self.links.to(address, Peer::Server);
            asking.spawn(async move { cluster::ask(&link).await });
        }
        let (mut views, mut fault) = (Vec::new(), String::new());
        while let Some(answer) = asking.join_next().await {
            match answer {
                Ok(Ok(view)) => views.push(view),
                Ok(Err(found)) => fault = found.to_string(),
                Err(_) => {}
            }
        }
        if views.is_empty() {
            return self.nothing_new(format!("no node of the cluster answers; {fault}"));
        }
        let (owners, found) = cluster::tally(&views);
        let mut wanted: BTreeSet<Address> = seeds.iter().cloned().collect();
        wanted.extend(views.iter().flat_map(View::addresses).cloned());
        let routes = self.leases(&owners, asked);
        self.map.store(Arc::new(Map { routes, found: found.into() }));
        self.links.keep_servers(&wanted);
        for address in &wanted {
            self.links.to(address, Peer::Server);
        }
    }

    /// A tag that no majority speaks about keeps its lease until it ends.
    fn leases(&mut self, owners: &[Option<Owner>], asked: Asked) -> Vec<Option<Route>> {
        let before = self.map.load_full();
        let links = &mut self.links;
        let mut route = |(index, owner): (usize, &Option<Owner>)| match owner {
            Some(Owner { address, epoch }) => Some(Route { link: links.to(address, Peer::Server), epoch: *epoch, confirmed: Some(asked) }),
            None => before.routes.get(index).cloned().flatten(),
        };
        owners.iter().enumerate().map(&mut route).collect()
    }

    /// Leases run out by themselves; only the message changes.
    fn nothing_new(&self, found: String) {
        let before = self.map.load_full();
        self.map.store(Arc::new(Map { routes: before.routes.clone(), found: found.into() }));
    }
}
