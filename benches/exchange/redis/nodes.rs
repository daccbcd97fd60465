//! One, two and four nodes on one store: what grows, and who pays for it.

use std::time::Duration;

use cambist::cli::dev_issuer::DevIssuer;
use cambist::domain::{Clock as _, SystemClock};

use super::{Place, Stores, plan};
use crate::load::Load;
use crate::report::Series;
use crate::server::Server;
use crate::{CONNECTIONS, SLICE, cpu};

/// How many nodes share the load.
const NODES: [usize; 3] = [1, 2, 4];
const ROUNDS: u32 = 3;

/// Nodes on one Redis, and nodes on a Cluster.
pub(crate) struct Nodes<'a> {
    groups: [Group<'a>; 2],
}

struct Group<'a> {
    name: &'static str,
    place: &'a Place,
    nodes: Vec<Server>,
    measured: [Measured; NODES.len()],
}

#[derive(Default)]
struct Measured {
    wall: Series,
    nodes: Series,
    redis: Series,
    client: Series,
}

impl<'a> Nodes<'a> {
    pub(crate) fn prepare(issuer: &DevIssuer, stores: &'a Stores) -> anyhow::Result<Self> {
        let group = |name, place| {
            let most = NODES.iter().copied().max().unwrap_or(0);
            let nodes = (0..most).map(|_| Server::prepare(issuer, plan(place))).collect::<anyhow::Result<_>>()?;
            anyhow::Ok(Group { name, place, nodes, measured: Default::default() })
        };
        Ok(Self { groups: [group("one Redis", &stores.single)?, group("Cluster, 3+3", &stores.cluster)?] })
    }

    /// Every number of nodes on every store, in turns.
    pub(crate) fn measure(&mut self, issuer: &DevIssuer) -> anyhow::Result<()> {
        for round in 1..=ROUNDS {
            self.groups.iter_mut().try_for_each(|group| group.round(issuer))?;
            println!("nodes: round {round} of {ROUNDS}");
        }
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!("\nseveral nodes on one store: {CONNECTIONS} connections, as fast as they are answered; CPU time for one exchange");
        println!("  store         nodes   exchanges/s    to one node    all nodes     Redis    client   cores busy");
        for group in &self.groups {
            let [one, ..] = &group.measured;
            for (count, measured) in NODES.iter().zip(&group.measured) {
                let Measured { wall, nodes, redis, client } = measured;
                let rate = wall.rate();
                let (nodes, redis, client) = (nodes.micros(), redis.micros(), client.micros());
                println!(
                    "  {:<14}{count:>5}{rate:>14.0}{:>13.2} x{nodes:>10.1} us{redis:>7.1} us{client:>7.1} us{:>11.2}",
                    group.name,
                    rate / one.wall.rate(),
                    (nodes + redis + client) / wall.micros()
                );
            }
        }
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!("  nodes, Redis and the client share {cores} cores. Elsewhere, by CPU time alone, a core of Redis is busy with");
        for group in &self.groups {
            if let Some(most) = group.measured.last() {
                println!("  {:6.0} exchanges/s ({}), a core of a node with {:.0}", most.redis.rate(), group.name, most.nodes.rate());
            }
        }
    }
}

impl Group<'_> {
    fn round(&mut self, issuer: &DevIssuer) -> anyhow::Result<()> {
        let mut running = 0;
        for (count, measured) in NODES.iter().zip(&mut self.measured) {
            for node in &mut self.nodes[running..*count] {
                node.start()?;
            }
            running = *count;
            measured.add(issuer, self.place, &self.nodes[..running])?;
        }
        self.nodes.iter_mut().for_each(Server::stop);
        Ok(())
    }
}

impl Measured {
    /// One slice of exchanges.
    fn add(&mut self, issuer: &DevIssuer, place: &Place, nodes: &[Server]) -> anyhow::Result<()> {
        let addresses: Vec<&str> = nodes.iter().map(|node| node.address.as_str()).collect();
        let mut load = Load::spread(&addresses, CONNECTIONS)?;
        let Some(first) = nodes.first() else { return Ok(()) };
        let forms = first.site.forms(issuer, usize::try_from(SLICE)?)?;
        let of_nodes = || nodes.iter().map(|node| Ok(node.cpu()?.iter().sum::<Duration>())).sum::<anyhow::Result<_>>();
        let of_client = || anyhow::Ok(cpu::of_process(std::process::id())?.iter().sum());
        let clock = SystemClock::new();
        let before: [Duration; 4] = [clock.monotonic(), of_nodes()?, place.cpu()?, of_client()?];
        load.post(&forms)?;
        let after = [clock.monotonic(), of_nodes()?, place.cpu()?, of_client()?];
        let series = [&mut self.wall, &mut self.nodes, &mut self.redis, &mut self.client];
        for ((series, before), after) in series.into_iter().zip(before).zip(after) {
            series.add(after.saturating_sub(before), SLICE);
        }
        Ok(())
    }
}
