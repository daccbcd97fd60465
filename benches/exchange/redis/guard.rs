//! The guard alone, at a fixed rate: tokens are minted before, and each is spent when it is due.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cambist::cli::dev_issuer::DevIssuer;
use cambist::release::issuance::MintedToken;
use cambist::release::replay::SpendOutcome;

use super::Exchange;
use crate::load::due;
use crate::parts::Parts;
use crate::report::Latencies;
use crate::stops::Stops;
use crate::{BATCH, goal};

/// Exchanges in a second, as the goal says.
const RATE: u32 = 5_000;
const SECONDS: u32 = 5;
/// A beginning that is not counted: connections and caches are cold.
const WARM_UP: usize = 1_000;

/// Milliseconds that the guard may add to 99 of 100 exchanges.
const GOAL: f64 = 2.0;

/// Spends tokens at the rate of the goal, and prints how long each took.
pub(crate) fn print_guard_at_rate(issuer: &DevIssuer, exchange: &Exchange<'_>) -> anyhow::Result<()> {
    let count = WARM_UP + usize::try_from(RATE * SECONDS)?;
    let forms = exchange.server().site.forms(issuer, count)?;
    let parts = exchange.parts();
    let mut minted = Vec::with_capacity(count);
    for batch in forms.chunks(BATCH) {
        minted.extend(Stops::default().until_minted(parts, batch)?.0);
    }
    let measured = minted.split_off(WARM_UP);
    spend_paced(parts, minted)?;
    let (since_due, inside, total) = spend_paced(parts, measured)?;
    let by_second = since_due.chunks(usize::try_from(RATE)?).map(|second| Latencies::of(second.to_vec()).millis(990));
    let (least, most) = by_second.fold((f64::INFINITY, 0.0_f64), |(least, most), p99| (p99.min(least), p99.max(most)));
    let (since_due, inside) = (Latencies::of(since_due), Latencies::of(inside));
    println!(
        "\nthe guard alone, on one Redis, {RATE} spends in a second for {SECONDS} seconds ({:.1} s), milliseconds",
        total.as_secs_f64()
    );
    println!("                                 p50      p90      p99    p99.9");
    for (what, latencies) in [("since each was due", &since_due), ("in the call", &inside)] {
        let of = |thousandths| latencies.millis(thousandths);
        println!("  {what:<24}{:9.3}{:9.3}{:9.3}{:9.3}", of(500), of(900), of(990), of(999));
    }
    println!("  p99 of single seconds: {least:.3} to {most:.3}");
    goal("p99 of the guard, ms", since_due.millis(990), GOAL);
    Ok(())
}

/// Since each was due and inside the call only, in their order, and how long all took. A thread of its own keeps the time, and the tasks run as in the server.
fn spend_paced(parts: &Arc<Parts>, minted: Vec<MintedToken>) -> anyhow::Result<(Vec<Duration>, Vec<Duration>, Duration)> {
    let start = parts.clock.monotonic();
    let mut tasks = Vec::with_capacity(minted.len());
    for (index, minted) in minted.into_iter().enumerate() {
        let due = start + due(index, RATE);
        thread::sleep(due.saturating_sub(parts.clock.monotonic()));
        let running = Arc::clone(parts);
        let spend = async move {
            let began = running.clock.monotonic();
            let outcome = running.guard.spend(minted).await?;
            let ended = running.clock.monotonic();
            anyhow::ensure!(matches!(outcome, SpendOutcome::Spent(_)), "a token was there twice");
            anyhow::Ok((ended.saturating_sub(due), ended.saturating_sub(began)))
        };
        tasks.push(parts.runtime.spawn(spend));
    }
    let (mut since_due, mut inside) = (Vec::with_capacity(tasks.len()), Vec::with_capacity(tasks.len()));
    for task in tasks {
        let (all, call) = parts.runtime.block_on(task)??;
        since_due.push(all);
        inside.push(call);
    }
    Ok((since_due, inside, parts.clock.monotonic().saturating_sub(start)))
}
