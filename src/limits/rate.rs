//! How often, and how much at once.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::Seconds;

/// A rate with a burst: after a silence `burst` attempts pass at once, and then one each time the rate allows another.
///
/// Invariant: at most a million in its unit of time, which is a second, a minute or an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Seconds,
    burst: NonZeroU32,
}

/// A text is no rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a rate is a whole number of 1 to 1000000 in a second, a minute or an hour: `50/s`, `600/m`, `1000/h`")]
pub struct InvalidRate;

impl Rate {
    /// The most in one unit of time, and the largest burst.
    pub const MOST: u32 = 1_000_000;

    /// `count` in a second.
    #[must_use]
    pub const fn per_second(count: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { count, unit: Seconds(1), burst }
    }

    /// Reads `50/s`, `600/m` or `1000/h`. The burst is what comes in one unit of time.
    pub fn parse(text: &str) -> Result<Self, InvalidRate> {
        let (count, unit) = text.split_once('/').ok_or(InvalidRate)?;
        let unit = match unit {
            "s" => Seconds(1),
            "m" => Seconds(60),
            "h" => Seconds(3_600),
            _ => return Err(InvalidRate),
        };
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidRate);
        }
        let count: NonZeroU32 = count.parse().map_err(|_| InvalidRate)?;
        if count.get() > Self::MOST { Err(InvalidRate) } else { Ok(Self { count, unit, burst: count }) }
    }

    /// The same with another burst.
    #[must_use]
    pub const fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    /// How many attempts pass at once after a silence.
    #[must_use]
    pub const fn burst(self) -> NonZeroU32 {
        self.burst
    }

    /// After how long one more attempt is allowed.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.unit.as_duration() / self.count.get()
    }

    /// How long a silence must be until the whole burst is there again. In whole seconds, at least one.
    #[must_use]
    pub fn window(self) -> Seconds {
        let whole = u64::from(self.burst.get()) * self.unit.0;
        Seconds(whole.div_ceil(u64::from(self.count.get())).max(1))
    }
}
