//! Failures before the signature, counted where they become too many.

use std::collections::HashMap;

use super::body::Body;
use super::line::Refusal;
use super::{MAX_UNVERIFIED_LINES_PER_SECOND, text};

/// Decides which failures before the signature get a line of their own, and counts the others.
///
/// Memory is bounded by the number of reasons, which are words of this program and never of a stranger.
#[derive(Debug, Default)]
pub(super) struct Fold(HashMap<Refusal, Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    lines: u32,
    folded: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u64,
    from_millis: u64,
    to_millis: u64,
}

/// Failures of one reason that share a line.
#[derive(Debug)]
pub(super) struct Folded {
    refusal: Refusal,
    count: Count,
}

impl Fold {
    /// Whether this failure gets its own line: the first [`MAX_UNVERIFIED_LINES_PER_SECOND`] of a reason in a second do.
    pub(super) fn admits(&mut self, refusal: Refusal, unix_millis: u64) -> bool {
        let window = self.0.entry(refusal).or_default();
        let second = unix_millis / 1_000;
        if window.second != second {
            (window.second, window.lines) = (second, 0);
        }
        let admitted = window.lines < MAX_UNVERIFIED_LINES_PER_SECOND;
        window.lines += u32::from(admitted);
        admitted
    }

    /// Counts a failure that gets no line of its own.
    pub(super) fn count(&mut self, refusal: Refusal, unix_millis: u64) {
        self.merge(refusal, Count { failures: 1, from_millis: unix_millis, to_millis: unix_millis });
    }

    /// What was counted since the last call, in a stable order.
    pub(super) fn take(&mut self) -> Vec<Folded> {
        let counted = self.0.iter_mut().filter_map(|(refusal, window)| Some(Folded { refusal: *refusal, count: window.folded.take()? }));
        let mut folded: Vec<_> = counted.collect();
        folded.sort_unstable_by_key(|folded| (folded.refusal.outcome, folded.refusal.reason));
        folded
    }

    /// Takes back what could not be written.
    pub(super) fn restore(&mut self, folded: Vec<Folded>) {
        for Folded { refusal, count } in folded {
            self.merge(refusal, count);
        }
    }

    fn merge(&mut self, refusal: Refusal, more: Count) {
        let folded = &mut self.0.entry(refusal).or_default().folded;
        *folded = Some(folded.map_or(more, |count| Count {
            failures: count.failures.saturating_add(more.failures),
            from_millis: count.from_millis.min(more.from_millis),
            to_millis: count.to_millis.max(more.to_millis),
        }));
    }
}

impl Folded {
    /// The one line for all of them.
    pub(super) fn body(&self, unix_millis: u64, node: &str) -> Vec<u8> {
        let mut body = Body::new("folded", unix_millis, node);
        body.text("outcome", self.refusal.outcome.name(), 16);
        body.text("reason", self.refusal.reason, 48);
        body.number("count", self.count.failures);
        body.text("from", &text::rfc3339(self.count.from_millis), 32);
        body.text("to", &text::rfc3339(self.count.to_millis), 32);
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::record::Outcome;

    const EXPIRED: Refusal = Refusal { outcome: Outcome::Rejected, reason: "expired" };
    const TOO_LARGE: Refusal = Refusal { outcome: Outcome::Malformed, reason: "too_large" };

    #[test]
    fn fifty_lines_a_second_per_reason_and_the_rest_is_counted() {
        let mut fold = Fold::default();
        let lines = (0..1_000).filter(|index| fold.admits(EXPIRED, 5_000 + index / 2)).count();
        assert_eq!(lines, 50);
        assert!(fold.admits(TOO_LARGE, 5_500), "another reason has its own fifty");
        assert!(fold.admits(EXPIRED, 6_000), "so has the next second");
        assert!(fold.admits(EXPIRED, 3_000), "a clock that steps back opens a new second too");
    }

    #[test]
    fn counts_add_up_and_survive_a_failed_write() {
        let mut fold = Fold::default();
        for millis in [1_000, 1_500, 1_200] {
            fold.count(EXPIRED, millis);
        }
        fold.count(TOO_LARGE, 9);
        let taken = fold.take();
        assert!(fold.take().is_empty(), "counted once");
        fold.restore(taken);
        fold.count(EXPIRED, 2_000);
        let lines: Vec<_> = fold.take().iter().map(|folded| String::from_utf8(folded.body(3_000, "n1")).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "kind":"folded","time":"1970-01-01T00:00:03.000Z","node":"n1","outcome":"malformed","reason":"too_large","count":1,"from":"1970-01-01T00:00:00.009Z","to":"1970-01-01T00:00:00.009Z"}
        "kind":"folded","time":"1970-01-01T00:00:03.000Z","node":"n1","outcome":"rejected","reason":"expired","count":4,"from":"1970-01-01T00:00:01.000Z","to":"1970-01-01T00:00:02.000Z"}
        "#);
    }
}
