//! The fault plan: real nodes on real Redis servers, exchanges and replays without pause, and one fault after another.
//!
//! `cargo test --test faults` runs all of it, `cargo test --test faults -- core` what `make test` runs, and other words choose scenarios by
//! number, topology or title. A panic is how a scenario says what does not hold; the table at the end has a line for each.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a panic is the report")]

mod cluster;
mod driver;
mod elsewhere;
mod plan;
mod sentinel;
#[expect(dead_code, unused_imports, reason = "the fault plan needs some of it")]
#[path = "../servers/mod.rs"]
mod servers;
mod single;
mod store;
#[expect(dead_code, unused_imports, reason = "the fault plan needs some of it")]
#[path = "../it/support/mod.rs"]
mod support;

use std::process::ExitCode;

use plan::Plan;

fn main() -> ExitCode {
    let mut plan = Plan::of(std::env::args().skip(1));
    let (single, sentinel, cluster) = (single::part(&plan), sentinel::part(&plan), cluster::part(&plan));
    plan.run(single);
    single::run_cases(&mut plan);
    plan.run(sentinel);
    plan.run(cluster);
    elsewhere::run(&mut plan);
    if plan.report() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
