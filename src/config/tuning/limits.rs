//! `[limits]`: how much one caller may ask for.

use std::num::NonZeroU32;

use crate::document::{Kind, Table};
use crate::limits::{LimitsSettings, PeerLimit, Rate};

/// Reads the section; what it does not say keeps its default.
pub(in crate::config) fn read(mut table: Table<'_>) -> LimitsSettings {
    let mut limits = LimitsSettings::default();
    // Whoever writes a limit means everybody by it.
    limit(&mut table, "per_peer", |rate| limits.per_peer = rate.map(|rate| PeerLimit { rate, loopback: true }));
    limit(&mut table, "per_relationship", |rate| limits.per_relationship = rate);
    limit(&mut table, "per_subject", |rate| limits.per_subject = rate);
    table.finish();
    limits
}

/// Sets a limit that is written: to none where it is off, and not at all where it is faulty.
fn limit(table: &mut Table<'_>, name: &'static str, set: impl FnOnce(Option<Rate>)) {
    let Some(value) = table.value(name) else { return };
    match value.kind() {
        Kind::Bool(false) => set(None),
        Kind::Table(table) => {
            if let Some(rate) = rate(table) {
                set(Some(rate));
            }
        }
        Kind::Unusable => {}
        _ => value.error("expected { rate = \"50/s\", burst = 200 }, or `false` for no limit"),
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
