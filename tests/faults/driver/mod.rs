//! The driver of the fault plan: clients and thieves, the ledger of what they were answered, and what must be true of it.
//!
//! Knows nodes by their addresses and decision logs, and nothing of what stands behind them: that is a stage's.

mod bench;
mod ledger;
mod load;
mod logs;
mod round;
mod subject;
mod verdict;

pub(crate) use bench::{Bench, Secrets};
pub(crate) use ledger::{Cause, Post};
pub(crate) use round::{Round, Stage};
pub(crate) use subject::{Issuers, KeyChoice, Kind, random};
pub(crate) use verdict::Row;

use cambist::domain::{Clock as _, SystemClock};

/// Seconds since 1970.
pub(crate) fn unix() -> u64 {
    SystemClock::new().now().unix()
}
