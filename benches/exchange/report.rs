//! What was measured, beside what was hoped for.

use std::time::Duration;

use crate::stops::{STOPS, Stops};

/// Something that was repeated: CPU time and how often, by round.
#[derive(Default)]
pub(crate) struct Series(Vec<(Duration, u32)>);

impl Series {
    pub(crate) fn add(&mut self, time: Duration, count: u32) {
        self.0.push((time, count));
    }

    /// Microseconds for each.
    pub(crate) fn micros(&self) -> f64 {
        let time: Duration = self.0.iter().map(|(time, _)| *time).sum();
        micros(time, self.count())
    }

    /// How often.
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// How many in a second of that time.
    pub(crate) fn rate(&self) -> f64 {
        1e6 / self.micros()
    }

    /// The ratio to a base, with the smallest and the largest of any round.
    pub(crate) fn ratio_to(&self, base: &Self) -> String {
        let by_round = self.0.iter().zip(&base.0).map(|((time, count), (of, rounds))| micros(*time, *count) / micros(*of, *rounds));
        let (least, most) = by_round.fold((f64::INFINITY, 0.0), |(least, most), ratio| (ratio.min(least), ratio.max(most)));
        format!("{:5.2} x floor   (rounds {least:.2} to {most:.2})", self.micros() / base.micros())
    }
}

fn micros(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}

/// How long each of many took.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of(mut each: Vec<Duration>) -> Self {
        each.sort_unstable();
        Self(each)
    }

    /// Milliseconds that this share of them, in thousandths, did not exceed. None of nothing.
    pub(crate) fn millis(&self, thousandths: usize) -> f64 {
        let index = (self.0.len() * thousandths).div_ceil(1000).saturating_sub(1);
        self.0.get(index).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }
}

/// `met` or `missed`.
pub(crate) fn verdict(value: f64, goal: f64) -> &'static str {
    if value <= goal { "met" } else { "missed" }
}

/// The stops as lines of a table, and what is left of the server's time.
pub(crate) fn breakdown(stops: &Stops, server: f64, floor: f64) -> Vec<String> {
    let line =
        |name: &str, micros: f64| format!("  {name:<26}{micros:8.1} us {:8.2} x floor {:6.0} %", micros / floor, 100.0 * micros / server);
    let each = |time: Duration| micros(time, stops.exchanges);
    let mut lines: Vec<_> = STOPS.iter().map(|(stop, name)| line(name, each(stops.of(*stop)))).collect();
    lines.push(line("HTTP and all the rest", server - each(stops.total())));
    lines.push(line("the server", server));
    lines
}
