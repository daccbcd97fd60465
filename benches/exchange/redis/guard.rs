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
    Paced::spend(parts, minted)?;
    let paced = Paced::spend(parts, measured)?;
    let seconds = paced.total.as_secs_f64();
    println!("\nthe guard alone, on one Redis, {RATE} spends in a second for {SECONDS} seconds ({seconds:.1} s), milliseconds");
    println!("                                     p50      p90      p99    p99.9    p99 of single seconds");
    paced.since_due.print("since each was due");
    paced.inside.print("in the call");
    paced.idle.print("a task that does nothing");
    goal("p99 that the guard adds, ms", paced.since_due.of_all().millis(990) - paced.idle.of_all().millis(990), GOAL);
    Ok(())
}

/// What was measured of tokens that were spent when they were due.
struct Paced {
    since_due: Times,
    /// Only the guard's call.
    inside: Times,
    /// Of a task that does nothing, half an interval after each of them: how late the machine itself was.
    idle: Times,
    total: Duration,
}

/// In their order.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Paced {
    /// A thread of its own keeps the time, and the tasks run as in the server.
    fn spend(parts: &Arc<Parts>, minted: Vec<MintedToken>) -> anyhow::Result<Self> {
        let start = parts.clock.monotonic();
        let mut tasks = Vec::with_capacity(minted.len());
        for (index, minted) in minted.into_iter().enumerate() {
            let [spend_at, idle_at] = [2 * index, 2 * index + 1].map(|half| start + due(half, 2 * RATE));
            thread::sleep(spend_at.saturating_sub(parts.clock.monotonic()));
            let spend = parts.runtime.spawn(spend(Arc::clone(parts), minted, spend_at));
            thread::sleep(idle_at.saturating_sub(parts.clock.monotonic()));
            let clock = Arc::clone(&parts.clock);
            let idle = parts.runtime.spawn(async move { clock.monotonic().saturating_sub(idle_at) });
            tasks.push((spend, idle));
        }
        let mut paced = Self { since_due: Times::default(), inside: Times::default(), idle: Times::default(), total: Duration::ZERO };
        for (spend, idle) in tasks {
            let (since_due, inside) = parts.runtime.block_on(spend)??;
            paced.since_due.0.push(since_due);
            paced.inside.0.push(inside);
            paced.idle.0.push(parts.runtime.block_on(idle)?);
        }
        paced.total = parts.clock.monotonic().saturating_sub(start);
        Ok(paced)
    }
}

/// How long it took since it was due, and only the call.
async fn spend(parts: Arc<Parts>, minted: MintedToken, due: Duration) -> anyhow::Result<(Duration, Duration)> {
    let began = parts.clock.monotonic();
    let outcome = parts.guard.spend(minted).await?;
    let ended = parts.clock.monotonic();
    anyhow::ensure!(matches!(outcome, SpendOutcome::Spent(_)), "a token was there twice");
    Ok((ended.saturating_sub(due), ended.saturating_sub(began)))
}

impl Times {
    fn of_all(&self) -> Latencies {
        Latencies::of(self.0.clone())
    }

    fn print(&self, what: &str) {
        let all = self.of_all();
        let each_second = usize::try_from(RATE).unwrap_or(usize::MAX);
        let p99 = self.0.chunks(each_second).map(|second| Latencies::of(second.to_vec()).millis(990));
        let (least, most) = p99.fold((f64::INFINITY, 0.0_f64), |(least, most), p99| (p99.min(least), p99.max(most)));
        let [p50, p90, p99, p999] = [500, 900, 990, 999].map(|thousandths| all.millis(thousandths));
        println!("  {what:<28}{p50:9.3}{p90:9.3}{p99:9.3}{p999:9.3}    {least:.3} to {most:.3}");
    }
}
