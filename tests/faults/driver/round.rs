//! One scenario, from the first fault to calm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::ledger::{Outcome, Record};
use super::load::Load;
use super::subject::{Kind, Subject};
use super::{unix, verdict};
use crate::support::{eventually, now};

/// New tokens per 1,000 s while nothing else is said: with replays about four times as many requests.
const RATE: u64 = 50_000;

/// How long fresh tokens are watched at the end.
const WATCHED: Duration = Duration::from_secs(3);

/// What scenarios run on: servers, nodes and load.
pub(crate) trait Stage: Send + 'static {
    fn bench(&self) -> &Bench;
    /// M, in seconds.
    fn margin(&self) -> u64;
    /// The highest fence in the store; none while nobody can tell.
    fn fence(&self) -> Option<u64>;
}

/// The measuring of one scenario.
pub(crate) struct Round {
    pub(super) load: Arc<Load>,
    /// Where its records begin.
    pub(super) first_record: usize,
    pub(super) began: Instant,
    pub(super) fence_before: u64,
    pub(super) healed: Option<Healed>,
    pub(super) fence: Fence,
    /// Nodes whose answers may be slow: they were stopped.
    pub(super) stopped: Vec<usize>,
    pub(super) calm: Option<Calm>,
}

/// When the fault was over.
#[derive(Clone, Copy)]
pub(super) struct Healed {
    pub(super) at: Instant,
    pub(super) unix: u64,
}

/// When fresh tokens should be accepted again, and up to where older ones are fenced.
#[derive(Clone, Copy)]
pub(super) struct Calm {
    pub(super) from: Instant,
    pub(super) fence: u64,
    pub(super) armed: bool,
}

/// Whether history may be lost in a scenario.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fence {
    MayGoUp,
    MustGoUp,
    MustStay,
}

impl Round {
    /// Begins with the usual load.
    pub(crate) fn begin(stage: &impl Stage) -> Self {
        let mut fence_before = None;
        eventually("the store tells its fence", || {
            fence_before = stage.fence();
            fence_before.is_some()
        });
        let fence_before = fence_before.unwrap();
        eventually("the fence is behind us", || unix() > fence_before);
        let load = Arc::clone(&stage.bench().load);
        let first_record = load.ledger().records().len();
        load.set_rate(RATE);
        Self { load, first_record, began: now(), fence_before, healed: None, fence: Fence::MayGoUp, stopped: Vec::new(), calm: None }
    }

    /// Lets clients and thieves work for a while.
    #[expect(clippy::unused_self, reason = "reads as what it is: time passes in this round")]
    pub(crate) fn load_for(&self, seconds: f64) {
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }

    /// The usual load again, after a scenario that had its own.
    pub(crate) fn resume(&self) {
        self.load.set_rate(RATE);
    }

    /// The fault is over now. Thieves try everything that was used before.
    pub(crate) fn healed(&mut self) {
        self.healed = Some(Healed { at: now(), unix: unix() });
        self.load.replay_recent(500, Duration::from_secs(4));
    }

    /// History may be lost here: the fence must go up.
    pub(crate) fn fence_must_go_up(&mut self) {
        self.fence = Fence::MustGoUp;
    }

    /// Nothing can be lost here: the fence must stay where it is.
    pub(crate) fn fence_must_stay(&mut self) {
        self.fence = Fence::MustStay;
    }

    /// This node is stopped for a while: its answers come when they come.
    pub(crate) fn stops(&mut self, node: usize) {
        self.stopped.push(node);
    }

    /// How many answers of this round fit.
    pub(crate) fn count(&self, fits: impl Fn(&Record) -> bool) -> usize {
        self.load.ledger().records()[self.first_record..].iter().filter(|record| fits(record)).count()
    }

    /// The tokens that were exchanged, each with the `jti` of what it was exchanged for.
    pub(crate) fn exchanged(&self) -> Vec<(Arc<Subject>, String)> {
        let ledger = self.load.ledger();
        let records = ledger.records()[self.first_record..].to_vec();
        let issued = records.into_iter().filter_map(|record| match record.outcome {
            Outcome::Issued(jti) => Some((ledger.subject(record.post.subject), jti)),
            _ => None,
        });
        issued.collect()
    }

    /// How many answers had this `family: reason`.
    pub(crate) fn saw(&self, reason: &str) -> usize {
        self.count(|record| record.reason() == reason)
    }

    /// Waits until somebody was answered in one of these ways.
    pub(crate) fn until_seen_any(&self, reasons: &[&str]) {
        eventually(&reasons.join(", or "), || reasons.iter().any(|reason| self.saw(reason) > 0));
    }

    /// Waits until somebody was answered so.
    pub(crate) fn until_seen(&self, reason: &str) {
        eventually(reason, || self.saw(reason) > 0);
    }

    /// Waits until a client is given a token that it asked for after `since`.
    pub(crate) fn until_issued_after(&self, since: Instant) {
        eventually("tokens are issued", || self.count(|record| record.sent >= since && record.is_clients() && record.is_issued()) > 0);
    }

    /// First attempts of clients between two moments: how many there were, and how many got a token.
    pub(crate) fn success(&self, from: Instant, to: Instant) -> (usize, usize) {
        let asked = |record: &Record| record.is_clients() && record.sent >= from && record.sent < to;
        (self.count(asked), self.count(|record| asked(record) && record.is_issued()))
    }

    /// The same for tokens that the guard does not know.
    pub(crate) fn success_of_reusable(&self, from: Instant, to: Instant) -> (usize, usize) {
        let asked = |record: &Record| record.sent >= from && record.sent < to && record.kind == Kind::Reusable;
        (self.count(asked), self.count(|record| asked(record) && record.is_issued()))
    }

    /// After the last fault: waits for the fence, watches fresh tokens, ends the load, and judges.
    pub(crate) fn end(mut self, stage: &impl Stage) -> verdict::Row {
        if self.healed.is_none() {
            self.healed();
        }
        let healed = self.healed.unwrap();
        self.until_issued_after(healed.at);
        self.calm = Some(self.until_calm(stage, healed));
        std::thread::sleep(WATCHED);
        self.load.quiet();
        verdict::judge(&self, stage)
    }

    fn until_calm(&self, stage: &impl Stage, healed: Healed) -> Calm {
        // Health loops look every second.
        let settled = healed.at + Duration::from_secs(3);
        std::thread::sleep(settled.saturating_duration_since(now()));
        let fence = stage.fence().expect("the store was healed");
        let armed = fence > self.fence_before;
        if armed {
            eventually("the fence is behind us", || {
                std::thread::sleep(Duration::from_millis(50));
                unix() > fence
            });
        }
        Calm { from: now(), fence, armed }
    }
}
