//! What more can be asked for than a plain exchange, and what that costs: tokens bound to a key, encrypted and opaque ones, and questions
//! about tokens. A server of its own, so that the plain exchange elsewhere stays what it was.

mod alone;
mod client;
mod holder;

use std::time::Duration;

use cambist::cli::dev_issuer::DevIssuer;

use crate::floor::Floor;
use crate::load::Load;
use crate::report::{Latencies, Series};
use crate::server::Server;
use crate::site::Plan;
use crate::{CONNECTIONS, FLOOR_SLICE, one_token};

use alone::{ALONE, Alone};
use client::{Client, Wish, write_trust};

/// Rounds of alternating slices, after one that warms up.
const ROUNDS: u32 = 4;
/// Requests of one slice.
const SLICE: u32 = 2_000;
/// How often a step is done alone in one slice.
const ALONE_SLICE: u32 = 2_000;
/// Requests in a second where it is measured how long each takes: far less than the machine can do.
const RATE: u32 = 500;
/// Seconds of that in each round.
const SECONDS: u32 = 1;

/// Every wish, with the name that the table shows.
const WISHES: [(Wish, &str); 7] = [
    (Wish::Plain, "an exchange, plain"),
    (Wish::Bound, "  with a DPoP proof"),
    (Wish::SealedRsa, "  encrypted, RSA-OAEP-256"),
    (Wish::SealedEc, "  encrypted, ECDH-ES"),
    (Wish::Opaque, "  for an opaque token"),
    (Wish::AskSigned, "a question, signed token"),
    (Wish::AskOpaque, "a question, opaque token"),
];

/// Measures and prints all of it.
pub(crate) fn print(issuer: &DevIssuer) -> anyhow::Result<()> {
    let mut server = Server::prepare(issuer, Plan::with_relationships(10))?;
    let keys = write_trust(&server.site)?;
    server.start()?;
    let floor = Floor::new(&one_token(issuer, &server.site)?, &issuer.key_set()?)?;
    let client = Client::new(issuer, &server.address)?;
    let alone = Alone::new(&keys, client.exchanged(Wish::Plain)?)?;
    let mut load = Load::open(&server.address, CONNECTIONS)?;
    let mut measured = Measured::default();
    for round in 0..=ROUNDS {
        measured.floor.add(floor.slice(FLOOR_SLICE)?, FLOOR_SLICE);
        for (index, (wish, _)) in WISHES.into_iter().enumerate() {
            let requests = client.requests(wish, SLICE)?;
            let before: Duration = server.cpu()?.iter().sum();
            load.send(&requests)?;
            measured.cpu[index].add(server.cpu()?.iter().sum::<Duration>().saturating_sub(before), SLICE);
            measured.took[index].extend(load.send_paced(&client.requests(wish, RATE * SECONDS)?, RATE)?);
        }
        for (index, (step, _)) in ALONE.into_iter().enumerate() {
            measured.alone[index].add(alone.slice(step, ALONE_SLICE)?, ALONE_SLICE);
        }
        if round == 0 {
            measured = Measured::default();
        }
    }
    measured.print();
    Ok(())
}

#[derive(Default)]
struct Measured {
    floor: Series,
    cpu: [Series; WISHES.len()],
    took: [Vec<Duration>; WISHES.len()],
    alone: [Series; ALONE.len()],
}

impl Measured {
    fn print(self) {
        println!(
            "\nwhat more can be asked for: CPU time of the server for one, {CONNECTIONS} connections; how long one takes at {RATE} a second"
        );
        println!("  floor                     {:8.1} us", self.floor.micros());
        for (((_, name), cpu), took) in WISHES.into_iter().zip(&self.cpu).zip(self.took) {
            let took = Latencies::of(took);
            println!(
                "  {name:<26}{:8.1} us {}   p50 {:.2} ms, p99 {:.2} ms",
                cpu.micros(),
                cpu.ratio_to(&self.floor),
                took.millis(500),
                took.millis(990)
            );
        }
        println!("steps alone, on one thread");
        for ((_, name), cpu) in ALONE.into_iter().zip(&self.alone) {
            println!("  {name:<26}{:8.1} us {}", cpu.micros(), cpu.ratio_to(&self.floor));
        }
    }
}
