//! What the guard adds to an exchange over HTTP at a fixed rate: beside a node whose issuer's tokens are reusable, so that its guard has
//! nothing to ask.

use cambist::cli::dev_issuer::DevIssuer;

use super::{Exchange, Place, plan};
use crate::CONNECTIONS;
use crate::load::Load;
use crate::report::Latencies;
use crate::server::Server;
use crate::site::Plan;

/// Exchanges in a second. This machine also makes the load: the last may be more than it can do.
const RATES: [u32; 3] = [1_000, 2_500, 5_000];
const SECONDS: u32 = 3;

/// One line for each rate.
pub(crate) fn print_added_latency(issuer: &DevIssuer, exchange: &Exchange<'_>, place: &Place) -> anyhow::Result<()> {
    let mut without = Server::prepare(issuer, Plan { reusable: true, ..plan(place) })?;
    without.start()?;
    println!("\nover HTTP at a fixed rate, {CONNECTIONS} connections, {SECONDS} seconds each, milliseconds since each was due");
    println!("   wanted      guard: got    p50     p99      none: got    p50     p99    added p99");
    for rate in RATES {
        // The same tokens for both: one remembers them, the other does not.
        let forms = without.site.forms(issuer, usize::try_from(rate * SECONDS)?)?;
        let (none_rate, none) = paced(&without, &forms, rate)?;
        let (guard_rate, guard) = paced(exchange.server(), &forms, rate)?;
        let added = guard.millis(990) - none.millis(990);
        let kept_up = if guard_rate.min(none_rate) < 0.97 * f64::from(rate) { "   (more than this machine can do)" } else { "" };
        println!(
            "  {rate:>7}    {guard_rate:>11.0}{:8.2}{:8.2}    {none_rate:>9.0}{:8.2}{:8.2}{added:12.2}{kept_up}",
            guard.millis(500),
            guard.millis(990),
            none.millis(500),
            none.millis(990)
        );
    }
    Ok(())
}

/// How many in a second it came to, and how long each took.
fn paced(server: &Server, forms: &[String], rate: u32) -> anyhow::Result<(f64, Latencies)> {
    let (took, total) = Load::open(&server.address, CONNECTIONS)?.post_paced(forms, rate)?;
    let count = f64::from(u32::try_from(took.len())?);
    Ok((count / total.as_secs_f64(), Latencies::of(took)))
}
