//! What the guard asks of an engine, and what an engine may answer.

use crate::domain::{Digest256, Timestamp};
use crate::release::issuance::{ReplayKey, Times};

/// One attempt to use a token up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spend {
    pub(super) key: ReplayKey,
    /// What the record will hold, and by which its own spend is known again.
    pub(super) owner: Owner,
    /// `iat` of the subject token, for the fence.
    pub(super) issued_at: Timestamp,
    /// `exp + leeway` of the subject token.
    pub(super) refused_from: Timestamp,
    /// What our clock said when this was sent; the engine compares it with its own. An engine that looks at a lease first reads the clock
    /// anew, right before it does.
    pub(super) sent_at: Timestamp,
    /// `iat` and `exp` of the token that this spend would release. Remembered beside an [`Owner::Request`], and only there.
    pub(super) released: Times,
}

/// Whose spend it is. The two kinds differ in length, so that one can never be taken for the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// One attempt: random, made for it. Tells our own write, found again after a lost reply, from somebody else's.
    Attempt([u8; 16]),
    /// One request that its client may repeat: a digest over its idempotency key and all that decides its answer.
    Request(Digest256),
}

impl Owner {
    /// 16 or 32 bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Attempt(nonce) => nonce,
            Self::Request(digest) => digest.as_bytes(),
        }
    }

    /// Whether a later spend of the same owner may be answered with [`Verdict::Repeat`].
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self, Self::Request(_))
    }
}

/// An engine's answer. Only the first three let a token out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Remembered now, for the first time.
    Fresh,
    /// Remembered before, by this very attempt.
    OwnRetry,
    /// Remembered before, by the same request, at most [`super::REPEAT_FOR`] ago by the engine's clock. Comes after clock, expiry and
    /// fence: those win.
    Repeat {
        /// `iat` of the token that the first spend released.
        issued_at: Timestamp,
        /// Its `exp`.
        expires_at: Timestamp,
    },
    /// Remembered before, by somebody else, or too long ago to be repeated.
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

impl Verdict {
    /// Its word in metrics.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::OwnRetry => "own_retry",
            Self::Repeat { .. } => "repeat",
            Self::Replayed { .. } => "replayed",
            Self::Fenced { .. } => "fenced",
            Self::Expired => "expired",
            Self::Clock { .. } => "clock_offset",
            Self::NotStored => "not_stored",
        }
    }
}
