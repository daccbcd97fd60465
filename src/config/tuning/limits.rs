//! `[limits]`: how much one caller may ask for.

use std::num::NonZeroU32;

use crate::document::{Kind, Table};
use crate::limits::{LimitsSettings, PeerLimit, Rate};

/// Reads the section; what it does not say keeps its default.
pub(in crate::config) fn read(mut table: Table<'_>) -> LimitsSettings {
    let mut limits = LimitsSettings::default();
    if let Some(rate) = limit(&mut table, "per_peer") {
        // Whoever writes a limit means everybody by it.
        limits.per_peer = rate.map(|rate| PeerLimit { rate, loopback: true });
    }
    if let Some(rate) = limit(&mut table, "per_relationship") {
        limits.per_relationship = rate;
    }
    if let Some(rate) = limit(&mut table, "per_subject") {
        limits.per_subject = rate;
    }
    table.finish();
    limits
}

/// `None` for a limit that is not written, or is faulty; `Some(None)` for one that is off.
fn limit(table: &mut Table<'_>, name: &'static str) -> Option<Option<Rate>> {
    let value = table.value(name)?;
    match value.kind() {
        Kind::Bool(false) => Some(None),
        Kind::Table(table) => rate(table).map(Some),
        Kind::Unusable => None,
        _ => {
            value.error("expected { rate = \"50/s\", burst = 200 }, or `false` for no limit");
            None
        }
    }
}

fn rate(mut table: Table<'_>) -> Option<Rate> {
    table.require("rate", "write how many are allowed in which time: rate = \"50/s\"");
    let rate = table.parsed("rate", Rate::parse);
    let burst = table.value("burst").and_then(|value| match value.kind() {
        Kind::Integer(burst) => {
            let burst = u32::try_from(burst).ok().filter(|burst| *burst <= Rate::MOST).and_then(NonZeroU32::new);
            if burst.is_none() {
                value.error(format_args!("expected a whole number of 1 to {}", Rate::MOST));
            }
            burst
        }
        Kind::Unusable => None,
        _ => {
            value.error("expected a whole number: how many are allowed at once after a silence");
            None
        }
    });
    table.finish();
    let rate = rate?.value;
    Some(burst.map_or(rate, |burst| rate.with_burst(burst)))
}
