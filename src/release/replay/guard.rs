//! The one door between a minted token and a token that may be released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::{Clock, Timestamp, random_bytes};
use crate::release::issuance::{MintedToken, Spends};
use crate::store::{Store, StoreError};

use super::SpentToken;
use super::key::ReplayKey;
use super::spend::{Spend, Verdict};
use super::sqlite::SqliteEngine;

/// Lets each subject token be spent as often as its issuer's mode says, and never more.
///
/// For the modes that spend: at most one minted token passes per subject token (`once`), or per subject token and target
/// (`once-per-target`), under crash, restart, and loss of the store; assuming clocks within [`super::CLOCK_OFFSET`] and an `iat`
/// that is honest within 10 s. Whatever is unclear does not pass.
pub struct ReplayGuard {
    clock: Arc<dyn Clock>,
    engine: Engine,
    /// Set while the store is not the one that was opened: what it says may not outlive a restart.
    suspended: AtomicBool,
}

enum Engine {
    Sqlite(SqliteEngine),
}

impl ReplayGuard {
    /// A guard that remembers in SQLite. Puts up the fence when the store has no history. Blocks the thread; for start-up.
    ///
    /// The store must have been opened with [`super::sqlite::SCHEMA`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn sqlite(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let engine = SqliteEngine::new(store, Arc::clone(&clock))?;
        Ok(Self { clock, engine: Engine::Sqlite(engine), suspended: AtomicBool::new(false) })
    }

    /// Compares the store with the last sign of life of this node that lies elsewhere, and puts up the fence, as for a new store, when
    /// the store is older: somebody restored a copy, and spends are missing in it. Says whether it did. Blocks the thread; for start-up,
    /// before anything new is written elsewhere.
    ///
    /// A crash does not look like that: the store knows the time of each spend, and by [`Self::tick`] each second.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn continue_after(&self, seen: Option<Timestamp>) -> Result<bool, StoreError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.continue_after(seen),
        }
    }

    /// Spends the subject token that the minted one came from. A reusable token passes without the store being asked.
    ///
    /// After [`SpendError::Unavailable`] the token may be spent or not; it was not released, and is not released by trying again.
    ///
    /// # Errors
    /// The minted token is gone: it was never readable.
    pub async fn spend(&self, minted: MintedToken) -> Result<SpentToken, SpendError> {
        self.use_up(minted.spends()).await?;
        Ok(SpentToken::new(minted))
    }

    /// Refuses every spend from now on, or no longer. For the health loop, when the store is not what it was: a database file that
    /// was deleted or replaced still answers, but nobody will know at the next start.
    pub fn suspend(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::SeqCst);
    }

    /// Keeps the store's sense of time current and forgets records that no longer matter. Call it each second.
    /// Returns how many were forgotten.
    ///
    /// # Errors
    /// [`SpendError::ClockOffset`] or [`SpendError::Unavailable`]: spends fail for that reason too.
    pub async fn tick(&self) -> Result<u64, SpendError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.tick().await,
        }
    }

    pub(super) async fn use_up(&self, spends: &Spends) -> Result<(), SpendError> {
        let Some(key) = ReplayKey::of(spends) else { return Ok(()) };
        if self.suspended.load(Ordering::SeqCst) {
            return Err(SpendError::Unavailable(StoreError::Suspended));
        }
        let sent_at = self.clock.now();
        if sent_at >= spends.refused_from {
            return Err(SpendError::Expired);
        }
        let spend = Spend {
            key,
            nonce: random_bytes(),
            // Verification requires `iat` where tokens are spent. Without one, 1970 is behind every fence.
            issued_at: spends.issued_at.unwrap_or_default(),
            refused_from: spends.refused_from,
            sent_at,
        };
        match self.ask(spend).await? {
            Verdict::Fresh | Verdict::OwnRetry => Ok(()),
            Verdict::Replayed { first_at } => Err(SpendError::Replayed { first_at: Some(first_at) }),
            Verdict::Fenced { until } => Err(SpendError::Fenced { until }),
            Verdict::Expired => Err(SpendError::Expired),
            Verdict::Clock { offset } => Err(SpendError::ClockOffset { offset }),
            Verdict::NotStored => Err(SpendError::Unavailable(StoreError::NotKept)),
        }
    }

    pub(super) async fn ask(&self, spend: Spend) -> Result<Verdict, StoreError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.spend(spend).await,
        }
    }
}

/// Why a minted token does not pass.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpendError {
    /// The store's clock disagrees with ours, or ours stepped back. Unavailable: try again once the clocks are right.
    #[error("a clock is off by {offset} s; check time synchronisation on this machine")]
    ClockOffset {
        /// Seconds by which the store's clock is ahead; negative when the clock went back behind the time the store remembers.
        offset: i64,
    },
    /// The subject token expired while it waited. Rejected.
    #[error("the token expired")]
    Expired,
    /// The subject token was issued when the store may have forgotten spends. Rejected; a new token helps.
    #[error("the token was issued before history was lost; tokens issued after {until} are accepted")]
    Fenced {
        /// The last `iat` that is refused.
        until: Timestamp,
    },
    /// The subject token was spent before. Rejected.
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
            Self::Unavailable(error) => error.reason(),
        }
    }
}
