//! Where histories take place, and by which design.

use crate::release::replay::redis::tests::reference::{LooksAt, Rules};

/// The numbers of a design, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    /// How far ahead of the accepting clock an `iat` may lie.
    pub(super) skew: u64,
    /// D.
    pub(super) bound: u64,
    /// L.
    pub(super) lease: u64,
}

pub(super) const SMALL: Constants = Constants { skew: 1, bound: 1, lease: 1 };
/// Edges of expiry need clocks that can differ by more than the resolution.
pub(super) const MEDIUM: Constants = Constants { skew: 1, bound: 2, lease: 1 };
pub(super) const REAL: Constants = Constants { skew: 10, bound: 5, lease: 2 };

/// What a design does, and what a mutant of it does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Design {
    pub(super) constants: Constants,
    pub(super) lease: Lease,
    /// Of [`WITNESSES`].
    pub(super) majority: usize,
    pub(super) rules: Rules,
}

/// When a node looks whether its lease still holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lease {
    /// After it has read the clock that it sends, by the wall clock and the monotonic one.
    AfterTheClock,
    BeforeTheClock,
    /// After the clock, but by the monotonic one alone.
    ByMonotonicClock,
    Never,
}

impl Design {
    pub(super) fn as_built(constants: Constants) -> Self {
        let Constants { skew, bound, lease } = constants;
        let margin = skew + bound + lease;
        let rules = Rules { bound, margin, keep: 2 * bound, repeat_for: 0, looks_at: LooksAt::EVERYTHING };
        Self { constants, lease: Lease::AfterTheClock, majority: WITNESSES / 2 + 1, rules }
    }
}

pub(super) const WITNESSES: usize = 3;

/// A kind of history.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A master and a replica; nobody is promoted, and no lease is needed. Some nodes were given the address of the replica.
    AnyAddress,
    /// One server; tokens expire soon, and clocks are set to and fro.
    Expiry,
    /// Three servers and three witnesses: failovers by vote and by force, old masters that live on, lost data.
    Failovers,
    /// One server that crashes, is restored, flushed and evicts. No lease is needed.
    OneServer,
    /// As `Failovers`; servers agree on the time, and nodes need not.
    StrayNodes,
    /// As `Failovers`; nodes are suspended, and their monotonic clocks with them.
    Suspended,
}

impl Place {
    pub(super) const ALL: [Self; 6] = [Self::AnyAddress, Self::Expiry, Self::Failovers, Self::OneServer, Self::StrayNodes, Self::Suspended];

    pub(super) fn has_witnesses(self) -> bool {
        matches!(self, Self::Failovers | Self::StrayNodes | Self::Suspended)
    }

    pub(super) fn servers(self) -> usize {
        match self {
            Self::Expiry | Self::OneServer => 1,
            Self::AnyAddress => 2,
            Self::Failovers | Self::StrayNodes | Self::Suspended => 3,
        }
    }

    /// L is no part of the margin where there is no lease.
    pub(super) fn fitted(self, design: &Design) -> Design {
        let mut design = *design;
        if !self.has_witnesses() {
            design.rules.margin -= design.constants.lease;
        }
        design
    }
}
