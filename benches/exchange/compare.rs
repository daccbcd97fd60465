//! Two builds against each other, in slices that alternate: whether a change is worth its lines. Also something for a profiler to watch.

use std::path::Path;

use cambist::cli::dev_issuer::DevIssuer;

use crate::floor::Floor;
use crate::load::Load;
use crate::redis::Stores;
use crate::report::Series;
use crate::server::Server;
use crate::site::Plan;
use crate::{CONNECTIONS, FLOOR_SLICE, LONELY_SLICE, ROUNDS, SLICE, one_token, slice};

struct Build {
    name: &'static str,
    server: Server,
    load: Load,
    lonely_load: Load,
    busy: Series,
    lonely: Series,
}

impl Build {
    fn start(name: &'static str, mut server: Server) -> anyhow::Result<Self> {
        server.start()?;
        let load = Load::open(&server.address, CONNECTIONS)?;
        let lonely_load = Load::open(&server.address, 1)?;
        println!("{name}: process {}", server.pid());
        Ok(Self { name, server, load, lonely_load, busy: Series::default(), lonely: Series::default() })
    }

    fn round(&mut self, issuer: &DevIssuer) -> anyhow::Result<()> {
        self.busy.add(slice(issuer, &self.server, &mut self.load, SLICE)?.iter().sum(), SLICE);
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
    for _ in 0..ROUNDS {
        base.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        before.round(issuer)?;
        after.round(issuer)?;
    }
    for build in [&before, &after] {
        let (busy, lonely) = (build.busy.micros(), build.lonely.micros());
        println!("{:<8}{CONNECTIONS} connections {busy:6.1} us {}", build.name, build.busy.ratio_to(&base));
        println!("{:<8} 1 connection  {lonely:6.1} us {}", build.name, build.lonely.ratio_to(&base));
    }
    println!("after / before: {}", after.busy.ratio_to(&before.busy).replace("floor", "before"));
    println!("alone:          {}", after.lonely.ratio_to(&before.lonely).replace("floor", "before"));
    Ok(())
}
