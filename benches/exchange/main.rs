//! What an exchange costs: `make bench`.
//!
//! The real binary is asked for tokens over connections that are kept alive, with decision log, metrics and replay guard on. Its CPU time
//! is compared with the two signatures that no exchange can do without, in slices that alternate, so that a busy machine slows both.
//! Nothing is asserted: times depend on the machine. `docs/performance.md` says how to read it.

#![expect(clippy::disallowed_macros, reason = "a report for people")]

mod compare;
mod cpu;
mod floor;
mod further;
mod load;
mod parts;
mod redis;
mod report;
mod server;
#[path = "../../tests/servers/mod.rs"]
#[expect(clippy::unwrap_used, clippy::expect_used, dead_code, unused_imports, reason = "of tests, which use every part and may panic")]
mod servers;
mod site;
mod stops;

use std::sync::Arc;
use std::time::Duration;

use cambist::cli::dev_issuer::DevIssuer;

use floor::Floor;
use load::Load;
use parts::Parts;
use redis::Stores;
use report::{Series, breakdown, verdict};
use server::Server;
use site::{Plan, Site};
use stops::Stops;

/// Connections of the load, each with one request at a time.
const CONNECTIONS: usize = 64;
/// Rounds of alternating slices.
const ROUNDS: u32 = 8;
/// Exchanges of one slice.
const SLICE: u32 = 3_000;
/// Exchanges of a slice with a single connection: each waits for a disk of its own.
const LONELY_SLICE: u32 = 400;
/// Signatures of one slice of the floor.
const FLOOR_SLICE: u32 = 4_000;
/// Exchanges that walk the stops together: enough to be counted, few enough to stay in the caches.
const BATCH: usize = 500;
/// Starts of each server; the first also makes keys.
const STARTS: usize = 5;

fn main() -> anyhow::Result<()> {
    println!("load average {}", cpu::load_average()?);
    let issuer = site::issuer()?;
    let arguments: Vec<_> = std::env::args_os().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [] => measure(&issuer),
        [word] if word == "further" => further::print(&issuer),
        [word] if word == "redis" => measure_redis(&issuer),
        [word, other] if word == "compare" => compare::with(other.as_ref(), &issuer, false),
        [word, other, store] if word == "compare" && store == "redis" => compare::with(other.as_ref(), &issuer, true),
        _ => anyhow::bail!("no argument, or: further, or: redis, or: compare <another build of cambist> [redis]"),
    }
}

fn measure(issuer: &DevIssuer) -> anyhow::Result<()> {
    println!("starting Redis, writing trust files …");
    let stores = Stores::start(issuer)?;
    let mut few = Server::prepare(issuer, Plan::with_relationships(10))?;
    let mut many = Server::prepare(issuer, Plan::with_relationships(100_000))?;
    let starts = [starts(&mut few)?, starts(&mut many)?];
    let at_start = many.peak_memory()?;
    let floor = Floor::new(&one_token(issuer, &few.site)?, &issuer.key_set()?)?;
    stores.wait_for_fences();
    let mut on_redis = redis::Exchange::start(issuer, &stores.single)?;
    let measured = rounds(issuer, &floor, [&few, &many], &mut on_redis)?;
    let at_end = many.peak_memory()?;
    drop((few, many));
    measured.print();
    goal("the same with Redis", on_redis.ratio(), 2.0);
    print_start(starts, [at_start, at_end]);
    further::print(issuer)?;
    print_redis(issuer, &stores, on_redis)
}

/// Only what concerns Redis.
fn measure_redis(issuer: &DevIssuer) -> anyhow::Result<()> {
    let stores = Stores::start(issuer)?;
    stores.wait_for_fences();
    let mut on_redis = redis::Exchange::start(issuer, &stores.single)?;
    let floor = Floor::new(&one_token(issuer, &on_redis.server().site)?, &issuer.key_set()?)?;
    for round in 0..=ROUNDS {
        on_redis.round(issuer, &floor)?;
        if round == 0 {
            on_redis.forget();
        }
    }
    print_redis(issuer, &stores, on_redis)
}

fn print_redis(issuer: &DevIssuer, stores: &Stores, on_redis: redis::Exchange<'_>) -> anyhow::Result<()> {
    on_redis.print();
    redis::print_guard_at_rate(issuer, &on_redis)?;
    redis::print_added_latency(issuer, &on_redis, &stores.single)?;
    drop(on_redis);
    let mut nodes = redis::Nodes::prepare(issuer, stores)?;
    nodes.measure(issuer)?;
    nodes.print();
    Ok(())
}

/// Slices of everything in turns, so that a busy machine slows all of them.
fn rounds(issuer: &DevIssuer, floor: &Floor, [few, many]: [&Server; 2], on_redis: &mut redis::Exchange<'_>) -> anyhow::Result<Measured> {
    let site = Site::new(issuer, Plan::with_relationships(10), ["127.0.0.1:0", "127.0.0.1:0"])?;
    let parts = Arc::new(Parts::of(site)?);
    let mut measured = Measured::default();
    let mut loads = Loads {
        few: Load::open(&few.address, CONNECTIONS)?,
        many: Load::open(&many.address, CONNECTIONS)?,
        lonely: Load::open(&few.address, 1)?,
    };
    for round in 0..=ROUNDS {
        measured.floor.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        measured.few_split(&slice(issuer, few, &mut loads.few, SLICE)?);
        measured.floor_again.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        measured.many.add(slice(issuer, many, &mut loads.many, SLICE)?.iter().sum(), SLICE);
        measured.lonely.add(slice(issuer, few, &mut loads.lonely, LONELY_SLICE)?.iter().sum(), LONELY_SLICE);
        let forms = few.site.forms(issuer, usize::try_from(SLICE)?)?;
        forms.chunks(BATCH).try_for_each(|forms| measured.stops.walk(&parts, forms, CONNECTIONS))?;
        on_redis.round(issuer, floor)?;
        if round == 0 {
            // It warmed everything up.
            measured = Measured::default();
            on_redis.forget();
        }
        println!("round {round} of {ROUNDS}");
    }
    Ok(measured)
}

/// Connections that stay open for all rounds.
struct Loads {
    few: Load,
    many: Load,
    lonely: Load,
}

#[derive(Default)]
struct Measured {
    floor: Series,
    /// Between the slices of the two servers: how much the floor itself moves.
    floor_again: Series,
    few: Series,
    few_system: Series,
    many: Series,
    lonely: Series,
    stops: Stops,
}

impl Measured {
    fn few_split(&mut self, [user, system]: &[Duration; 2]) {
        self.few.add(*user + *system, SLICE);
        self.few_system.add(*system, SLICE);
    }

    fn print(&self) {
        let (floor, few, many) = (self.floor.micros(), self.few.micros(), self.many.micros());
        println!("\nCPU time of the server, user and system, for one exchange; {CONNECTIONS} connections, {} exchanges", SLICE * ROUNDS);
        println!(
            "  floor: RS256 verify, ES256 sign {floor:6.1} us   (measured again in between: {:.2} x)",
            self.floor_again.micros() / floor
        );
        println!("  10 relationships          {few:8.1} us {}", self.few.ratio_to(&self.floor));
        println!("    of which system         {:8.1} us", self.few_system.micros());
        println!("  100,000 relationships     {many:8.1} us {}", self.many.ratio_to(&self.floor_again));
        println!("  one connection            {:8.1} us {}", self.lonely.micros(), self.lonely.ratio_to(&self.floor));
        println!("\nwhere it goes");
        for line in breakdown(&self.stops, few, floor) {
            println!("{line}");
        }
        println!("\ngoals");
        goal("exchange, in floors", few / floor, 2.0);
        goal("100,000 relationships to 10", many / few, 1.2);
    }
}

/// CPU time of the server for so many exchanges: user and system.
fn slice(issuer: &DevIssuer, server: &Server, load: &mut Load, count: u32) -> anyhow::Result<[Duration; 2]> {
    let forms = server.site.forms(issuer, usize::try_from(count)?)?;
    let before = server.cpu()?;
    load.post(&forms)?;
    let after = server.cpu()?;
    Ok([after[0].saturating_sub(before[0]), after[1].saturating_sub(before[1])])
}

/// Starts a server again and again, and leaves it running: the first time, and the median of the others.
fn starts(server: &mut Server) -> anyhow::Result<[Duration; 2]> {
    let first = server.start()?;
    let mut others = Vec::new();
    for _ in 1..STARTS {
        server.stop();
        others.push(server.start()?);
    }
    others.sort_unstable();
    Ok([first, others[others.len() / 2]])
}

fn one_token(issuer: &DevIssuer, site: &Site) -> anyhow::Result<String> {
    let form = site.forms(issuer, 1)?.remove(0);
    let pairs = form.split('&').find_map(|pair| pair.strip_prefix("subject_token=").map(ToOwned::to_owned));
    pairs.ok_or_else(|| anyhow::anyhow!("a form without a token"))
}

fn print_start([few, many]: [[Duration; 2]; 2], [at_start, at_end]: [u64; 2]) {
    #[expect(clippy::cast_precision_loss, reason = "for reading")]
    let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    goal("start with 100,000, seconds", many[1].as_secs_f64(), 2.0);
    goal("peak memory with 100,000, MiB", mebibytes(at_end), 300.0);
    println!("\n  start with 10: {:.2} s; first starts, which make keys: {:.2} s and {:.2} s", s(few[1]), s(few[0]), s(many[0]));
    println!("  peak memory after the start: {:.0} MiB", mebibytes(at_start));
}

fn s(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn goal(what: &str, value: f64, goal: f64) {
    println!("  {what:<32}{value:8.2}   goal {goal:6.1}   {}", verdict(value, goal));
}
