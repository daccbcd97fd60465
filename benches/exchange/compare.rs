//! Two builds against each other, in slices that alternate: whether a change is worth its lines. Also something for a profiler to watch.

use std::path::Path;

use cambist::cli::dev_issuer::DevIssuer;

use crate::floor::Floor;
use crate::load::Load;
use crate::redis::Stores;
use crate::report::Series;
use crate::server::Server;
use crate::site::Plan;
use crate::{CONNECTIONS, FLOOR_SLICE, LONELY_SLICE, one_token, slice};

/// Rounds of alternating slices: many short ones, because what disturbs a machine lasts longer than one of them.
const ROUNDS: u32 = 30;
/// Exchanges of one slice.
const SLICE: u32 = 2_000;

struct Build {
    name: &'static str,
    server: Server,
    load: Load,
    lonely_load: Load,
    busy: Series,
    /// The part of it that is system time.
    system: Series,
    lonely: Series,
}

impl Build {
    fn start(name: &'static str, mut server: Server) -> anyhow::Result<Self> {
        server.start()?;
        let load = Load::open(&server.address, CONNECTIONS)?;
        let lonely_load = Load::open(&server.address, 1)?;
        println!("{name}: process {}", server.pid());
        let (busy, system, lonely) = (Series::default(), Series::default(), Series::default());
        Ok(Self { name, server, load, lonely_load, busy, system, lonely })
    }

    fn round(&mut self, issuer: &DevIssuer) -> anyhow::Result<()> {
        let [user, system] = slice(issuer, &self.server, &mut self.load, SLICE)?;
        self.busy.add(user + system, SLICE);
        self.system.add(system, SLICE);
        self.lonely.add(slice(issuer, &self.server, &mut self.lonely_load, LONELY_SLICE)?.iter().sum(), LONELY_SLICE);
        Ok(())
    }
}

/// The other build before this one, both with 10 relationships, and both on the same Redis or each on an SQLite of its own.
pub(crate) fn with(other: &Path, issuer: &DevIssuer, redis: bool) -> anyhow::Result<()> {
    let stores = if redis { Some(Stores::start(issuer)?) } else { None };
    let plan = Plan { redis: stores.as_ref().map(|stores| stores.single.url()), ..Plan::with_relationships(10) };
    stores.iter().for_each(Stores::wait_for_fences);
    let mut before = Build::start("before", Server::of_binary(other, issuer, plan)?)?;
    let mut after = Build::start("after", Server::prepare(issuer, plan)?)?;
    let floor = Floor::new(&one_token(issuer, &after.server.site)?, &issuer.key_set()?)?;
    let mut base = Series::default();
    for round in 0..ROUNDS {
        base.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        // Whoever comes first finds the machine as the floor left it.
        let (first, second) = if round % 2 == 0 { (&mut before, &mut after) } else { (&mut after, &mut before) };
        first.round(issuer)?;
        second.round(issuer)?;
    }
    for build in [&before, &after] {
        let (busy, lonely) = (build.busy.micros(), build.lonely.micros());
        println!("{:<8}{CONNECTIONS} connections {busy:6.1} us {}", build.name, build.busy.ratio_to(&base));
        println!("{:<8}   of which system {:6.1} us", "", build.system.micros());
        println!("{:<8} 1 connection  {lonely:6.1} us {}", build.name, build.lonely.ratio_to(&base));
    }
    println!("after / before: {}", after.busy.ratio_to(&before.busy).replace("floor", "before"));
    println!("alone:          {}", after.lonely.ratio_to(&before.lonely).replace("floor", "before"));
    Ok(())
}
