//! Instants, durations and the clock. Whole seconds, because tokens count in them.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An instant in whole seconds since 1970-01-01T00:00:00Z.
///
/// Invariant: 0 to 2⁵³ − 1, the integers that every JSON implementation agrees on. Arithmetic saturates at both ends.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The latest instant.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Takes seconds since 1970; later than [`Self::MAX`] becomes [`Self::MAX`].
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(if seconds > Self::MAX.0 { Self::MAX.0 } else { seconds })
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Seconds {
        Seconds(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds) {
            Ok(instant) => fmt::Display::fmt(&instant, f),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl Add<Seconds> for Timestamp {
    type Output = Self;

    fn add(self, duration: Seconds) -> Self {
        Self::from_unix(self.0.saturating_add(duration.0))
    }
}

impl Sub<Seconds> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Seconds) -> Self {
        Self(self.0.saturating_sub(duration.0))
    }
}

/// A duration in whole seconds: a lifetime, a leeway, an age.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub struct Seconds(pub u64);

impl Seconds {
    /// Parses a number with a unit: `90s`, `15m`, `12h`, `30d`. A bare number is an error.
    pub fn parse(text: &str) -> Result<Self, InvalidSeconds> {
        let unit = match text.bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            _ => return Err(InvalidSeconds),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidSeconds);
        }
        let count: u64 = digits.parse().map_err(|_| InvalidSeconds)?;
        let seconds = count.checked_mul(unit).ok_or(InvalidSeconds)?;
        // A century is more than any setting means, and far from every overflow.
        if seconds > 36_525 * 86_400 { Err(InvalidSeconds) } else { Ok(Self(seconds)) }
    }

    /// The same as a standard duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl Add for Seconds {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

/// A text is no duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a duration is a whole number with a unit: `90s`, `15m`, `12h`, `30d`")]
pub struct InvalidSeconds;

/// The only way this program reads the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, as the wall clock says. May step.
    fn unix_millis(&self) -> u64;

    /// Time since some fixed moment. Never steps back; for cooldowns and latencies.
    fn monotonic(&self) -> Duration;

    /// The wall clock in whole seconds.
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.unix_millis() / 1_000)
    }
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// Starts the monotonic count.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "starting a clock is an act, not a default")]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the operating system's clocks")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the operating system's clocks")]
    fn unix_millis(&self) -> u64 {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_1970.map_or(0, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until it is told to move: the edge that tests control.
#[derive(Debug)]
pub struct ManualClock {
    wall_millis: AtomicU64,
    monotonic_millis: AtomicU64,
}

impl ManualClock {
    /// Stands at this instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { wall_millis: AtomicU64::new(now.unix() * 1_000), monotonic_millis: AtomicU64::new(0) }
    }

    /// Moves both the wall clock and the monotonic clock on.
    pub fn advance(&self, duration: Seconds) {
        self.wall_millis.fetch_add(duration.0 * 1_000, Ordering::SeqCst);
        self.monotonic_millis.fetch_add(duration.0 * 1_000, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or a time server would: forward or back.
    pub fn step_to(&self, now: Timestamp) {
        self.wall_millis.store(now.unix() * 1_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_millis(&self) -> u64 {
        self.wall_millis.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_millis.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("30d", Some(2_592_000)),
            ("60", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("1 h", None),
            ("99999999999999999999d", None),
            ("é", None),
        ] {
            assert_eq!(Seconds::parse(text).ok().map(|seconds| seconds.0), expected, "{text}");
        }
    }

    #[test]
    fn instants_saturate_and_print_as_rfc_3339() {
        assert_eq!(Timestamp::MAX + Seconds(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_unix(5) - Seconds(9), Timestamp::from_unix(0));
        assert_eq!(Timestamp::from_unix(1_800_000_000).to_string(), "2027-01-15T08:00:00Z");
    }
}
