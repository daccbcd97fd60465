//! What the guard asks of an engine, and what an engine may answer.

use crate::domain::Timestamp;

use super::key::ReplayKey;

/// One attempt to use a token up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spend {
    pub(super) key: ReplayKey,
    /// Made for this attempt: tells our own write, found again after a lost reply, from somebody else's.
    pub(super) nonce: [u8; 16],
    /// `iat` of the subject token, for the fence.
    pub(super) issued_at: Timestamp,
    /// `exp + leeway` of the subject token.
    pub(super) refused_from: Timestamp,
    /// What our clock said when this was sent; the engine compares it with its own.
    pub(super) sent_at: Timestamp,
}

/// An engine's answer. Only the first two let a token out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Remembered now, for the first time.
    Fresh,
    /// Remembered before, by this very attempt.
    OwnRetry,
    /// Remembered before, by somebody else.
    Replayed {
        /// When, by the engine's clock.
        first_at: Timestamp,
    },
    /// Issued at or before an instant up to which the engine may have forgotten spends.
    Fenced {
        /// The last `iat` that is refused.
        until: Timestamp,
    },
    /// No longer acceptable by the engine's clock. Nothing was remembered.
    Expired,
    /// Two clocks differ by more than D, or one stepped back by more than D. Nothing was remembered.
    Clock {
        /// Seconds by which the engine's clock is ahead; negative when behind.
        offset: i64,
    },
    /// The engine does not have what it was told.
    NotStored,
}
