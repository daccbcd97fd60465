//! Waiting until every node knows, and saying which do not.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use crate::cli::output;
use crate::domain::{Clock, Seconds, Timestamp};
use crate::revocation::{Change, Confirmation, confirmations, publish};
use crate::store::{Store, StoreError};

/// What became of a change.
pub(super) struct Effect {
    took: Duration,
    /// Nodes that know it.
    knowing: usize,
    /// Nodes that may issue and do not know it.
    missing: Vec<Confirmation>,
    /// Until when nodes may issue that the store has forgotten, in milliseconds since 1970.
    incomplete_until: Option<u64>,
    /// Nodes that did not say goodbye, and may not issue any more until they have looked.
    silent: Vec<Confirmation>,
}

/// Writes a change, and waits until all nodes know it, or for [`PATIENCE`]: who has not looked by then cannot reach the store.
pub(super) async fn until_effective(store: &Store, change: &Change, clock: &dyn Clock, max_stale: Seconds) -> Result<Effect, StoreError> {
    let started = clock.monotonic();
    let patience = PATIENCE.min(max_stale.as_duration());
    loop {
        // Again each time: a failover may have lost it before any node knew it.
        let number = publish(store, change, clock).await?;
        let said = confirmations(store, clock).await?;
        let (now, incomplete_until) = (said.now_millis, said.incomplete_until(max_stale));
        let (live, silent): (Vec<_>, Vec<_>) = said.nodes.into_iter().partition(|node| node.stops_at_millis() > now);
        let (knowing, missing): (Vec<_>, Vec<_>) = live.into_iter().partition(|node| node.version >= number);
        let took = clock.monotonic().saturating_sub(started);
        // Whoever can reach a store that lost its nodes is in it again after half a second.
        if (missing.is_empty() && incomplete_until.is_none()) || took >= patience {
            let silent = silent.into_iter().filter(|node| now.saturating_sub(node.at_millis) < MENTIONED).collect();
            return Ok(Effect { took, knowing: knowing.len(), missing, incomplete_until, silent });
        }
        sleep(PAUSE).await;
    }
}

impl Effect {
    /// Tells the person, and gives the exit code.
    pub(super) fn print(&self, is_cut_off: bool) -> ExitCode {
        let (live, after) = (self.knowing + self.missing.len(), self.took.as_secs_f64());
        match self.incomplete_until {
            Some(_) => output::line(format!("effective on {} nodes after {after:.1} s; there may be more", self.knowing)),
            None if live == 0 => output::line("no node is running; the next one starts with it"),
            None => output::line(format!("effective on {} of {live} nodes after {after:.1} s", self.knowing)),
        }
        for node in &self.missing {
            output::line(format!("{} unreachable, stops by {}", node.node, time_of_day(node.stops_at_millis().div_ceil(1_000))));
        }
        if let Some(until) = self.incomplete_until {
            let until = time_of_day(until.div_ceil(1_000));
            output::line(format!(
                "The store does not know all nodes: it was emptied, or is new. One that cannot reach it now is not counted here, and stops by {until}."
            ));
        }
        for node in &self.silent {
            let since = Timestamp::from_unix(node.at_millis / 1_000);
            output::line(format!("{} silent since {since}: it issues nothing before it knows", node.node));
        }
        if self.missing.is_empty() && self.incomplete_until.is_none() {
            return ExitCode::SUCCESS;
        }
        if is_cut_off {
            output::line("What such a node issues until then is newer than this cut-off: revoke again afterwards, or block.");
        }
        ExitCode::from(NOT_EVERYWHERE)
    }
}

/// `12:00:10 UTC`.
fn time_of_day(unix: u64) -> String {
    let seconds = unix % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The exit code when a node that may issue has not confirmed, or it is not known whether all have.
pub(super) const NOT_EVERYWHERE: u8 = 3;
/// Nodes look twice a second.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// For how long a node that did not say goodbye is mentioned, in milliseconds: a day.
const MENTIONED: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_that_of_the_wall() {
        assert_eq!([0, 43_210, 1_900_000_000].map(time_of_day), ["00:00:00 UTC", "12:00:10 UTC", "17:46:40 UTC"]);
    }
}
