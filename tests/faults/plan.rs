//! Which scenarios there are, how they are run, and the table of what came of them.

use std::any::Any;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::driver::{Round, Row, Stage};
use crate::support::now;

/// One scenario on a stage. `run` does the damage and mends it; what comes before and after is the same for all.
pub(crate) struct Scenario<S> {
    /// Its number in the plan.
    pub(crate) number: &'static str,
    pub(crate) title: &'static str,
    /// Whether `make test` runs it.
    pub(crate) core: bool,
    pub(crate) run: fn(&mut S, &mut Round),
}

/// Something that is started, tried and judged by itself: no load, no table of times.
pub(crate) struct Case {
    pub(crate) number: &'static str,
    pub(crate) title: &'static str,
    pub(crate) core: bool,
    pub(crate) run: fn(),
}

/// What is run, and what came of it.
pub(crate) struct Plan {
    only_core: bool,
    /// Parts of numbers and titles; empty for all.
    wanted: Vec<String>,
    lines: Vec<Line>,
    margins: Vec<String>,
}

/// Scenarios of one topology.
pub(crate) struct Part<S: 'static> {
    topology: &'static str,
    start: fn() -> S,
    early: Option<JoinHandle<S>>,
    scenarios: Vec<&'static Scenario<S>>,
}

struct Line {
    number: &'static str,
    title: &'static str,
    topology: &'static str,
    took: Duration,
    outcome: Result<Option<Row>, String>,
}

impl Plan {
    /// From the arguments: `core`, or words that choose by number (`7`, `sentinel`) or title.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Self {
        // What `cargo test` passes on to every test binary is not for us.
        let words: Vec<_> = arguments.filter(|word| !word.starts_with('-')).collect();
        let only_core = words.iter().any(|word| word == "core");
        let wanted = words.into_iter().filter(|word| word != "core").collect();
        Self { only_core, wanted, lines: Vec::new(), margins: Vec::new() }
    }

    fn wants(&self, topology: &str, (number, title, core): (&str, &str, bool)) -> bool {
        let fits = |word: &String| word == number || word == topology || title.contains(word.as_str());
        (core || !self.only_core) && (self.wanted.is_empty() || self.wanted.iter().any(fits))
    }

    /// What is wanted of these scenarios. Where there is little to wait for, their stage starts at once, beside the others.
    pub(crate) fn part<S: Stage>(&self, topology: &'static str, start: fn() -> S, scenarios: &'static [Scenario<S>]) -> Part<S> {
        let scenarios: Vec<_> = scenarios.iter().filter(|one| self.wants(topology, (one.number, one.title, one.core))).collect();
        let early = (self.only_core && !scenarios.is_empty()).then(|| thread::spawn(start));
        Part { topology, start, early, scenarios }
    }

    /// Runs it on one stage after another: after a failure on a new one.
    pub(crate) fn run<S: Stage>(&mut self, part: Part<S>) {
        let Part { topology, start, mut early, scenarios } = part;
        let mut start = || early.take().map_or_else(start, |starting| starting.join().expect("the stage starts"));
        let mut stage = None;
        for scenario in scenarios {
            let began = now();
            say(&format!("{topology:<9} {:<3} {} …", scenario.number, scenario.title));
            let outcome = calmly(|| {
                let stage = stage.get_or_insert_with(&mut start);
                let mut round = Round::begin(stage);
                (scenario.run)(stage, &mut round);
                round.end(stage)
            });
            if let Some(stage) = &stage {
                self.note_margin(topology, stage.margin());
            }
            if outcome.is_err() {
                let _ = calmly(|| stage = None);
            }
            let (number, title, took) = (scenario.number, scenario.title, began.elapsed());
            self.lines.push(Line { number, title, topology, took, outcome: outcome.map(Some) });
            say(&self.lines.last().map(Line::detailed).unwrap_or_default());
        }
    }

    /// Runs what is wanted of these.
    pub(crate) fn cases(&mut self, topology: &'static str, cases: &[Case]) {
        for case in cases {
            if self.wants(topology, (case.number, case.title, case.core)) {
                let began = now();
                say(&format!("{topology:<9} {:<3} {} …", case.number, case.title));
                let outcome = calmly(case.run).map(|()| None);
                self.lines.push(Line { number: case.number, title: case.title, topology, took: began.elapsed(), outcome });
                say(&self.lines.last().map(Line::detailed).unwrap_or_default());
            }
        }
    }

    fn note_margin(&mut self, topology: &str, margin: u64) {
        let text = format!("{topology} {margin} s");
        if !self.margins.contains(&text) {
            self.margins.push(text);
        }
    }

    /// Prints the table. Whether everything held.
    pub(crate) fn report(&self) -> bool {
        let failed: Vec<_> = self.lines.iter().filter(|line| line.outcome.is_err()).collect();
        let rows = || self.lines.iter().filter_map(|line| line.outcome.as_ref().ok()?.as_ref());
        let mut out = String::from("\n");
        let _ = writeln!(out, "{:<9} {:<3} {:<58} {HEADINGS}", "topology", "no.", "scenario");
        for line in &self.lines {
            let _ = writeln!(out, "{}", line.short());
        }
        let _ = writeln!(out, "\nM (until = end of the fault + M + 2 s, at most): {}", self.margins.join(", "));
        let sum = |of: fn(&Row) -> usize| rows().map(of).sum::<usize>();
        let _ = writeln!(
            out,
            "ran: {} scenarios of the fault plan, {} failed; {} exchanges, {} replays tried, {} accepted; M: {}",
            self.lines.iter().filter(|line| !line.is_elsewhere()).count(),
            failed.len(),
            sum(|row| row.exchanges),
            sum(|row| row.replays),
            sum(|row| row.accepted),
            self.margins.join(", "),
        );
        for line in &failed {
            let _ = writeln!(out, "\nFAILED {} {} {}\n{}", line.topology, line.number, line.title, line.outcome.as_ref().err().unwrap());
        }
        say(&out);
        failed.is_empty() && !self.lines.is_empty()
    }
}

/// Stands for a topology where other tests do the work, and the plan only looks whether they are there.
pub(crate) const ELSEWHERE: &str = "elsewhere";

const HEADINGS: &str = "exchanges replays accepted refused  outage recovery   fence     p99   fresh";

impl Line {
    fn short(&self) -> String {
        let head = format!("{:<9} {:<3} {:<58}", self.topology, self.number, self.title);
        match &self.outcome {
            Err(_) => format!("{head} FAILED after {:.0} s", self.took.as_secs_f64()),
            Ok(None) if self.is_elsewhere() => format!("{head} not run here: `cargo test` runs its tests"),
            Ok(None) => format!("{head} held, {:.0} s", self.took.as_secs_f64()),
            Ok(Some(row)) => {
                let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
                let fence = row.fence.map_or_else(|| "-".into(), |beyond| format!("+{beyond} s"));
                let fresh = format!("{}/{}", row.fresh.1, row.fresh.0);
                format!(
                    "{head} {:>9} {:>7} {:>8} {:>7} {:>7} {:>8} {fence:>7} {:>7} {fresh:>7}",
                    row.exchanges,
                    row.replays,
                    row.accepted,
                    row.refused,
                    seconds(row.outage),
                    seconds(row.recovery),
                    seconds(row.p99),
                )
            }
        }
    }

    fn is_elsewhere(&self) -> bool {
        self.topology == ELSEWHERE
    }

    /// With what was read by whom was refused, or with the failure.
    fn detailed(&self) -> String {
        let more = match &self.outcome {
            Ok(Some(row)) => row.reasons.iter().map(|(reason, count)| format!("{count} × {reason}")).collect::<Vec<_>>().join(", "),
            Ok(None) => String::new(),
            Err(error) => error.clone(),
        };
        format!("{}\n    {:.0} s; {more}", self.short(), self.took.as_secs_f64())
    }
}

/// A panic is the report of what does not hold; the rest of the plan goes on.
fn calmly<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|cause: Box<dyn Any + Send>| {
        let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without words").to_owned()
    })
}

/// For whoever watches.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
