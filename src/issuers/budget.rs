//! How many refreshes strangers can cause.

use std::time::Duration;

use super::{DEMAND_BURST, DEMAND_INTERVAL};

/// Refreshes for unknown keys of one issuer: a burst of [`DEMAND_BURST`], then one each [`DEMAND_INTERVAL`].
///
/// Taken before the refresh starts, so failures count like successes. Monotonic time.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    /// Up to when refills are accounted for.
    refilled_at: Duration,
}

impl Budget {
    pub(super) fn full(now: Duration) -> Self {
        Self { left: DEMAND_BURST, refilled_at: now }
    }

    /// Takes one refresh, if one is left.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        while self.left < DEMAND_BURST && now >= self.refilled_at + DEMAND_INTERVAL {
            self.left += 1;
            self.refilled_at += DEMAND_INTERVAL;
        }
        if self.left == DEMAND_BURST {
            // A full budget saves nothing up.
            self.refilled_at = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_three_then_one_each_thirty_seconds() {
        let mut budget = Budget::full(Duration::ZERO);
        for (at, expected, why) in [
            (0, true, "first of the burst"),
            (0, true, "second"),
            (1, true, "third"),
            (1, false, "spent"),
            (29, false, "not yet"),
            (30, true, "one refilled"),
            (30, false, "only one"),
            (59, false, "not yet"),
            (61, true, "the next"),
            (89, false, "counted from 60, not from 61: no drift, but not yet either"),
            (90, true, "the next"),
            (10_000, true, "full again"),
            (10_000, true, "full again"),
            (10_000, true, "full again"),
            (10_000, false, "and no more than full"),
            (10_029, false, "not yet"),
            (10_030, true, "one refilled"),
        ] {
            assert_eq!(budget.take(Duration::from_secs(at)), expected, "{why}: at {at} s");
        }
    }
}
