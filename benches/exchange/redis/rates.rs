//! What the guard adds to an exchange over HTTP at a fixed rate: beside a node whose issuer's tokens are reusable, so that its guard has
//! nothing to ask.

use std::time::Duration;

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
    println!(
        "\nover HTTP at a fixed rate, {CONNECTIONS} connections, {SECONDS} seconds each: milliseconds since each was due, CPU time of the node"
    );
    println!("   wanted     guard: got    p50     p99     CPU      none: got    p50     p99     CPU    added p99     CPU");
    for rate in RATES {
        // The same tokens for both: one remembers them, the other does not.
        let forms = without.site.forms(issuer, usize::try_from(rate * SECONDS)?)?;
        let (none, guard) = (Paced::measure(&without, &forms, rate)?, Paced::measure(exchange.server(), &forms, rate)?);
        let kept_up = if guard.rate.min(none.rate) < 0.97 * f64::from(rate) { "   (more than this machine can do)" } else { "" };
        let (p99, micros) = (guard.latencies.millis(990) - none.latencies.millis(990), guard.micros - none.micros);
        println!("  {rate:>7}    {}    {}{p99:13.2}{micros:5.0} us{kept_up}", guard.columns(), none.columns());
    }
    Ok(())
}

/// One server at one rate.
struct Paced {
    latencies: Latencies,
    /// CPU time of the server for one exchange.
    micros: f64,
    /// How many in a second it came to.
    rate: f64,
}

impl Paced {
    fn measure(server: &Server, forms: &[String], rate: u32) -> anyhow::Result<Self> {
        let mut load = Load::open(&server.address, CONNECTIONS)?;
        let before: Duration = server.cpu()?.iter().sum();
        let (took, total) = load.post_paced(forms, rate)?;
        let after: Duration = server.cpu()?.iter().sum();
        let count = f64::from(u32::try_from(took.len())?);
        let micros = after.saturating_sub(before).as_secs_f64() * 1e6 / count;
        Ok(Self { latencies: Latencies::of(took), micros, rate: count / total.as_secs_f64() })
    }

    fn columns(&self) -> String {
        format!("{:>10.0}{:8.2}{:8.2}{:5.0} us", self.rate, self.latencies.millis(500), self.latencies.millis(990), self.micros)
    }
}
