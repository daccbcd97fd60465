//! The argument itself, on the reference of the script: thousands of random histories of servers, witnesses and nodes never release two
//! tokens for one, and the same histories do as soon as one part of the design is taken away.
//!
//! What is late, lost, partitioned or paused is a step that the history does not take; it may be taken much later. Time goes in seconds.

mod nodes;
mod servers;
mod walk;
mod worlds;

use walk::{Tally, Walk};
use worlds::{Design, Place};

/// Histories without a violation in the design as it is built.
const HISTORIES: u64 = 20_000;
/// Histories within which what is not the design must fail.
const BUDGET: u64 = 1_000_000;

#[test]
fn no_history_releases_two_tokens_for_one() {
    for place in Place::ALL {
        for (constants, why) in [(worlds::SMALL, "small numbers, where edges are often met"), (worlds::REAL, "the real numbers")] {
            let mut tally = Tally::default();
            for seed in 1..=HISTORIES {
                let walk = Walk::through(seed, place, &Design::as_built(constants));
                tally.count(&walk);
                assert!(walk.released() <= 1, "{place:?}, {why}, history {seed}:\n{}", walk.story());
            }
            assert!(tally.shows_something(), "{place:?}, {why}: {tally:?}");
        }
    }
}

#[test]
fn each_part_of_the_design_is_needed() {
    type Without = fn(&mut Design);
    let rows: &[(&str, Place, Without)] = &[
        ("M one second shorter, one server", Place::OneServer, |design| design.rules.margin -= 1),
        ("M one second shorter, with failovers", Place::Failovers, |design| design.rules.margin -= 1),
        ("no epoch in the fence's identity", Place::Failovers, |design| design.rules.looks_at.epoch = false),
        ("no replication id in it", Place::OneServer, |design| design.rules.looks_at.replid = false),
        ("no evictions in it", Place::OneServer, |design| design.rules.looks_at.evicted = false),
        ("no lease", Place::Failovers, |design| design.lease = worlds::Lease::Never),
        ("the lease is checked before the clock is read, by which the token is verified", Place::Failovers, |design| {
            design.lease = worlds::Lease::BeforeTheClock;
        }),
        ("a lease of a suspended machine does not age", Place::Suspended, |design| design.lease = worlds::Lease::ByMonotonicClock),
        ("half of the witnesses are enough", Place::Failovers, |design| design.majority = 1),
        ("a replica answers", Place::AnyAddress, |design| design.rules.looks_at.role = false),
        ("clocks are not compared", Place::StrayNodes, |design| design.rules.looks_at.clocks = false),
        ("records end with their token, while clocks differ", Place::Expiry, |design| design.rules.keep = 0),
    ];
    for (why, place, without) in rows {
        let constants = if *place == Place::Expiry { worlds::MEDIUM } else { worlds::SMALL };
        let mut design = Design::as_built(constants);
        without(&mut design);
        let violated = (1..=BUDGET).find(|seed| Walk::through(*seed, *place, &design).released() > 1);
        assert!(violated.is_some(), "{why}: no violation in {BUDGET} histories");
    }
}
