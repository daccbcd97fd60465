//! The exchange with the guard on one Redis: beside the floor, and stop by stop.

use std::sync::Arc;

use cambist::cli::dev_issuer::DevIssuer;

use super::{Place, plan};
use crate::floor::Floor;
use crate::load::Load;
use crate::parts::Parts;
use crate::report::{Series, breakdown};
use crate::server::Server;
use crate::site::Site;
use crate::stops::Stops;
use crate::{BATCH, CONNECTIONS, FLOOR_SLICE, SLICE, slice};

/// One node with its load, and the parts of another one.
pub(crate) struct Exchange<'a> {
    place: &'a Place,
    server: Server,
    load: Load,
    parts: Arc<Parts>,
    measured: Measured,
}

#[derive(Default)]
struct Measured {
    floor: Series,
    node: Series,
    system: Series,
    /// CPU time of Redis for the same exchanges.
    redis: Series,
    /// What Redis says that scripts took, on the wall.
    scripts: Series,
    /// How often Redis read from a connection for them.
    reads: u32,
    stops: Stops,
}

impl<'a> Exchange<'a> {
    pub(crate) fn start(issuer: &DevIssuer, place: &'a Place) -> anyhow::Result<Self> {
        let mut server = Server::prepare(issuer, plan(place))?;
        server.start()?;
        let load = Load::open(&server.address, CONNECTIONS)?;
        let parts = Arc::new(Parts::of(Site::new(issuer, plan(place), ["127.0.0.1:0", "127.0.0.1:0"])?)?);
        Ok(Self { place, server, load, parts, measured: Measured::default() })
    }

    /// One slice of the floor, of the node, and of the stops.
    pub(crate) fn round(&mut self, issuer: &DevIssuer, floor: &Floor) -> anyhow::Result<()> {
        let measured = &mut self.measured;
        measured.floor.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        let before = (self.place.cpu()?, self.place.scripts()?, self.place.reads()?);
        let [user, system] = slice(issuer, &self.server, &mut self.load, SLICE)?;
        let after = (self.place.cpu()?, self.place.scripts()?, self.place.reads()?);
        measured.node.add(user + system, SLICE);
        measured.system.add(system, SLICE);
        measured.redis.add(after.0.saturating_sub(before.0), SLICE);
        measured.scripts.add(after.1.0.saturating_sub(before.1.0), after.1.1 - before.1.1);
        measured.reads += after.2 - before.2;
        let forms = self.server.site.forms(issuer, usize::try_from(SLICE)?)?;
        forms.chunks(BATCH).try_for_each(|forms| measured.stops.walk(&self.parts, forms, CONNECTIONS))
    }

    /// Forgets what was measured: it was to warm up.
    pub(crate) fn forget(&mut self) {
        self.measured = Measured::default();
    }

    /// In floors.
    pub(crate) fn ratio(&self) -> f64 {
        self.measured.node.micros() / self.measured.floor.micros()
    }

    /// The parts, for who measures one of them alone.
    pub(crate) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// The node.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn print(&self) {
        let Measured { floor, node, system, redis, scripts, reads, stops } = &self.measured;
        println!("\nthe guard on one Redis: {CONNECTIONS} connections, {} exchanges, 10 relationships", node.count());
        println!("  the node                  {:8.1} us {}", node.micros(), node.ratio_to(floor));
        println!("    of which system         {:8.1} us", system.micros());
        println!("  Redis, beside it          {:8.1} us {}", redis.micros(), redis.ratio_to(floor));
        println!("    one script              {:8.1} us on the wall, as Redis says", scripts.micros());
        println!("    scripts for each read   {:8.1}", f64::from(scripts.count()) / f64::from(*reads));
        println!("\nwhere it goes, with the guard on one Redis (time of this program only)");
        for line in breakdown(stops, node.micros(), floor.micros()) {
            println!("{line}");
        }
    }
}
