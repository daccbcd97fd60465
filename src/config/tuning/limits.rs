//! `[limits]`: how much one caller may ask for.

use std::num::NonZeroU32;

use crate::document::{Kind, Table};
use crate::limits::{LimitsSettings, PeerLimit, Rate};

/// Reads the section; what it does not say keeps its default.
pub(in crate::config) fn read(mut table: Table<'_>) -> LimitsSettings {
    let mut limits = LimitsSettings::default();
    match limit(&mut table, "per_peer") {
        Written::Not => {}
        Written::Off => limits.per_peer = None,
        // Whoever writes a limit means everybody by it.
        Written::Rate(rate) => limits.per_peer = Some(PeerLimit { rate, loopback: true }),
    }
    for (name, kept) in [("per_relationship", &mut limits.per_relationship), ("per_subject", &mut limits.per_subject)] {
        match limit(&mut table, name) {
            Written::Not => {}
            Written::Off => *kept = None,
            Written::Rate(rate) => *kept = Some(rate),
        }
    }
    table.finish();
    limits
}

/// What stands there.
enum Written {
    /// Nothing, or a fault that was reported: the default stays.
    Not,
    /// `false`.
    Off,
    Rate(Rate),
}

fn limit(table: &mut Table<'_>, name: &'static str) -> Written {
    let Some(value) = table.value(name) else { return Written::Not };
    match value.kind() {
        Kind::Bool(false) => Written::Off,
        Kind::Table(table) => rate(table).map_or(Written::Not, Written::Rate),
        Kind::Unusable => Written::Not,
        _ => {
            value.error("expected { rate = \"50/s\", burst = 200 }, or `false` for no limit");
            Written::Not
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
