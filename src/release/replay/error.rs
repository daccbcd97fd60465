//! Why a spend does not pass.

use crate::domain::{Seconds, Timestamp};
use crate::release::issuance::Spent;
use crate::store::StoreError;

/// A minted token does not pass, because something that its request presented cannot be spent. What was spent before it stays spent.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotSpent {
    /// Which of them.
    pub what: Spent,
    /// Why.
    pub why: SpendError,
}

/// Why one presented thing cannot be spent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpendError {
    /// The store's clock disagrees with ours, or ours stepped back. Unavailable: try again once the clocks are right.
    #[error(
        "the clock of the store is {offset} s off from this machine's, or from the time that the store remembers; 5 s are tolerated. Check \
         time synchronisation here and where the store runs"
    )]
    ClockOffset {
        /// Seconds by which the store's clock is ahead; negative when the clock went back behind the time the store remembers.
        offset: i64,
    },
    /// It expired while it waited. Rejected.
    #[error("the token expired")]
    Expired,
    /// It was issued when the store may have forgotten spends. Rejected; a new one helps.
    #[error("the token was issued before history was lost; tokens issued after {until} are accepted")]
    Fenced {
        /// The last `iat` that is refused.
        until: Timestamp,
    },
    /// It was spent before. Rejected.
    #[error("the token was spent before")]
    Replayed {
        /// When, if the store still knows.
        first_at: Option<Timestamp>,
    },
    /// The store gives no trustworthy answer. Unavailable.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl SpendError {
    /// The stable reason of `docs/errors.md`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::ClockOffset { .. } => "clock_offset",
            Self::Expired => "expired",
            Self::Fenced { .. } => "fenced",
            Self::Replayed { .. } => "replayed",
            Self::Unavailable(error) => error.trouble().reason(),
        }
    }
}

/// How long until something that is made then has a later `iat` than this fence, the last that is refused: `Retry-After`, in seconds.
#[must_use]
pub fn after_fence(until: Timestamp, now: Timestamp) -> Seconds {
    until.since(now) + Seconds(1)
}
