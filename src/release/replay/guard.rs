//! The one door between a minted token and a token that may be released.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::domain::{Clock, Seconds, Timestamp, random_bytes};
use crate::release::issuance::{MintedToken, OpaqueRecord, ReplayKey, SpendList, Spends, Spent, Times};
use crate::store::{SqliteStore, Store, StoreError};

use super::error::{NotSpent, SpendError};
use super::redis::RedisEngine;
use super::spend::{Owner, Spend, Verdict};
use super::sqlite::{self, SqliteEngine};
use super::{FENCE_MARGIN, LARGEST_IAT_SKEW, RepeatedToken, SpendOutcome, SpentToken};

/// Lets each subject token and each actor token be spent as often as its issuer's mode says, and never more; each proof once.
///
/// For what is spent: at most one minted token passes per presented token (`once`), per presented token and target
/// (`once-per-target`), and per proof, under crash, restart, and loss of the store; assuming clocks within [`super::CLOCK_OFFSET`] and an `iat`
/// that is honest within [`super::LARGEST_IAT_SKEW`]. A token here is what has one `jti`: a client that keeps an idempotency key gets it
/// again, and no other. Whatever is unclear does not pass.
pub struct ReplayGuard {
    clock: Arc<dyn Clock>,
    engine: Engine,
    /// The last spend's fault, until somebody looks.
    fault: Mutex<Option<StoreError>>,
    /// Told of every spend: the verdict in a word, and how long it took.
    observe: Observe,
    /// Why nothing is spent although the store answers: what it says may not outlive a restart, or may be forgotten.
    suspended: ArcSwapOption<StoreError>,
}

type Observe = Box<dyn Fn(&'static str, Duration) + Send + Sync>;

enum Engine {
    Redis(RedisEngine),
    Sqlite(SqliteEngine),
}

/// What the guard found when it looked at its store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pulse {
    /// Records that were forgotten just now, because nobody can present their tokens any more. Redis forgets by itself.
    pub forgotten: u64,
    /// Fences that this process put up since it started.
    pub fences: u64,
    /// The last `iat` that any fence refuses; 1970 when this is not known.
    pub fence_until: Timestamp,
    /// Seconds by which the store's clock is ahead of ours.
    pub clock_offset: i64,
}

impl ReplayGuard {
    /// A guard on an open store. Puts up the fence when the store has no history, or another one than it knew.
    ///
    /// # Errors
    /// When the store does not answer, or its clock and ours disagree.
    pub async fn open(store: &Store, clock: Arc<dyn Clock>) -> Result<Self, SpendError> {
        match store {
            Store::Sqlite(store) => Ok(Self::sqlite(store.clone(), clock)?),
            Store::Redis(store) => {
                let guard = Self::new(Engine::Redis(RedisEngine::new(store.clone(), Arc::clone(&clock))), clock);
                guard.tick().await?;
                Ok(guard)
            }
        }
    }

    fn new(engine: Engine, clock: Arc<dyn Clock>) -> Self {
        Self { clock, engine, fault: Mutex::default(), observe: Box::new(|_, _| {}), suspended: ArcSwapOption::empty() }
    }

    /// The same guard, telling `observe` of every spend: its verdict in a word, and how long it took. Reusable tokens spend nothing.
    #[must_use]
    pub fn observed_by(self, observe: impl Fn(&'static str, Duration) + Send + Sync + 'static) -> Self {
        Self { observe: Box::new(observe), ..self }
    }

    /// A guard that remembers in SQLite. Puts up the fence when the store has no history. Blocks the thread; for start-up.
    ///
    /// The store must have been opened with [`super::sqlite::SCHEMA`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn sqlite(store: SqliteStore, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let engine = SqliteEngine::new(store, Arc::clone(&clock))?;
        Ok(Self::new(Engine::Sqlite(engine), clock))
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
            // A Redis that was restored shows another history by itself.
            Engine::Redis(_) => Ok(false),
            Engine::Sqlite(engine) => engine.continue_after(seen),
        }
    }

    /// Spends what the request of the minted token presented: the proof, the actor token, the subject token, in this order and for one
    /// owner. What is reusable passes without the store being asked. What an opaque token stands for is kept in the same step as the
    /// last of them.
    ///
    /// A failure stops: what was spent before it stays spent, and nothing is released. Whether this is a first release or a repeat is
    /// for the subject token to say.
    ///
    /// A repeatable request that comes again within [`super::REPEAT_FOR`] of its spend gets, instead of a refusal, the right to mint the
    /// token again as it was. It passes fence and clock like every other.
    ///
    /// After [`SpendError::Unavailable`] the thing may be spent or not; no token was released for it, and none is by trying again.
    ///
    /// # Errors
    /// The minted token is gone: it was never readable.
    pub async fn spend(&self, minted: MintedToken) -> Result<SpendOutcome, NotSpent> {
        match self.use_up_all(minted.spends(), minted.times(), minted.record()).await? {
            Passed::First => Ok(SpendOutcome::Spent(SpentToken::new(minted))),
            Passed::Again(released) => {
                let replayed = NotSpent { what: Spent::Subject, why: SpendError::Replayed { first_at: None } };
                RepeatedToken::of(minted, released).map(SpendOutcome::Repeated).ok_or(replayed)
            }
        }
    }

    /// Refuses every spend from now on for this reason, or for none any more. For the health loop, when the store answers and must not
    /// be believed: a database file that was deleted, an eviction policy that forgets.
    pub fn suspend(&self, reason: Option<StoreError>) {
        self.suspended.store(reason.map(Arc::new));
    }

    /// The last fault that a spend met since this was last asked, whatever the store says by now. For the health loop, so that an
    /// administrator learns the cause of an answer that names none.
    pub fn take_fault(&self) -> Option<StoreError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the store's sense of time current and forgets records that no longer matter. Call it each second.
    ///
    /// # Errors
    /// [`SpendError::ClockOffset`] or [`SpendError::Unavailable`]: spends fail for that reason too.
    pub async fn tick(&self) -> Result<Pulse, SpendError> {
        match &self.engine {
            Engine::Redis(engine) => engine.tick().await,
            Engine::Sqlite(engine) => Ok(Pulse { forgotten: engine.tick().await?, ..Pulse::default() }),
        }
    }

    /// How far ahead of the moment it goes up the fence stands: M.
    #[must_use]
    pub fn fence_margin(&self) -> Seconds {
        match &self.engine {
            Engine::Redis(engine) => engine.margin(),
            Engine::Sqlite(_) => FENCE_MARGIN,
        }
    }

    pub(super) async fn use_up_all(&self, list: &SpendList, released: Times, record: Option<&OpaqueRecord>) -> Result<Passed, NotSpent> {
        let attempt = Attempt { nonce: OnceLock::new(), released, record: None };
        for spends in [&list.proof, &list.actor].into_iter().flatten() {
            self.use_up(spends, &attempt).await.map_err(|why| NotSpent { what: spends.what, why })?;
        }
        let attempt = Attempt { record, ..attempt };
        self.use_up(&list.subject, &attempt).await.map_err(|why| NotSpent { what: Spent::Subject, why })
    }

    pub(super) async fn use_up(&self, spends: &Spends, attempt: &Attempt<'_>) -> Result<Passed, SpendError> {
        let Some(key) = ReplayKey::of(spends) else {
            self.keep(attempt.record).await.inspect_err(|fault| self.note(fault))?;
            return Ok(Passed::First);
        };
        let started = self.clock.monotonic();
        let verdict = self.judge(key, spends, attempt).await;
        let word = verdict.as_ref().map_or_else(SpendError::reason, Verdict::word);
        (self.observe)(word, self.clock.monotonic().saturating_sub(started));
        if let Err(SpendError::Unavailable(fault)) = &verdict {
            self.note(fault);
        }
        match verdict? {
            Verdict::Fresh | Verdict::OwnRetry => Ok(Passed::First),
            Verdict::Repeat { issued_at, expires_at } => Ok(Passed::Again(Times { issued_at, expires_at })),
            Verdict::Replayed { first_at } => Err(SpendError::Replayed { first_at: Some(first_at) }),
            Verdict::Fenced { until } => Err(SpendError::Fenced { until }),
            Verdict::Expired => Err(SpendError::Expired),
            Verdict::Clock { offset } => Err(SpendError::ClockOffset { offset }),
            Verdict::NotStored => Err(SpendError::Unavailable(StoreError::NotKept)),
        }
    }

    /// Keeps the record of a token whose subject token leaves none.
    async fn keep(&self, record: Option<&OpaqueRecord>) -> Result<(), StoreError> {
        let Some(record) = record else { return Ok(()) };
        self.believed()?;
        match &self.engine {
            Engine::Redis(engine) => engine.keep(record).await,
            Engine::Sqlite(engine) => engine.keep(record).await,
        }
    }

    fn note(&self, fault: &StoreError) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
    }

    /// Whether what the store says may be believed at present.
    fn believed(&self) -> Result<(), StoreError> {
        self.suspended.load().as_ref().map_or(Ok(()), |reason| Err(StoreError::clone(reason)))
    }

    /// What the engine says, or why it is not even asked.
    async fn judge(&self, key: ReplayKey, spends: &Spends, attempt: &Attempt<'_>) -> Result<Verdict, SpendError> {
        self.believed()?;
        // Verification requires `iat` where tokens are spent. Without one, 1970 is behind every fence.
        let issued_at = spends.issued_at.unwrap_or_default();
        let sent_at = self.clock.now();
        if issued_at > sent_at + LARGEST_IAT_SKEW {
            // It was verified, so our clock has stepped back since. The fence stands only as far ahead as an `iat` may lie.
            return Err(SpendError::ClockOffset { offset: -ahead(issued_at.since(sent_at + LARGEST_IAT_SKEW)) });
        }
        if sent_at >= spends.refused_from {
            return Err(SpendError::Expired);
        }
        let owner = attempt.owner(spends);
        let spend = Spend { key, owner, issued_at, refused_from: spends.refused_from, sent_at, released: attempt.released };
        Ok(self.ask(spend, attempt.record).await?)
    }

    pub(super) async fn ask(&self, spend: Spend, record: Option<&OpaqueRecord>) -> Result<Verdict, StoreError> {
        match &self.engine {
            Engine::Redis(engine) => engine.spend(spend, record).await,
            Engine::Sqlite(engine) => engine.spend(spend, record).await,
        }
    }
}

/// One attempt to release a minted token, for all that it spends.
pub(super) struct Attempt<'a> {
    /// Made when something is spent that nobody may repeat.
    pub(super) nonce: OnceLock<[u8; 16]>,
    /// `iat` and `exp` of the token.
    pub(super) released: Times,
    /// What is to be kept with this spend.
    pub(super) record: Option<&'a OpaqueRecord>,
}

impl Attempt<'_> {
    fn owner(&self, spends: &Spends) -> Owner {
        spends.owner.map_or_else(|| Owner::Attempt(*self.nonce.get_or_init(random_bytes)), Owner::Request)
    }
}

/// Cuts off everything issued before now and believes the store's clock from now on: for `store init`. Records are kept.
///
/// # Errors
/// When the store does not answer.
pub async fn cut_off(store: &Store, clock: Arc<dyn Clock>) -> Result<(), SpendError> {
    match store {
        Store::Sqlite(store) => {
            let now = clock.now();
            Ok(store.run(move |connection| sqlite::cut_off(connection, now)).await?)
        }
        Store::Redis(store) => RedisEngine::new(store.clone(), clock).cut_off().await,
    }
}

/// How a spend passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Passed {
    /// For the first time, or without being spent.
    First,
    /// As a repeat of the request whose token has these times.
    Again(Times),
}

fn ahead(duration: Seconds) -> i64 {
    i64::try_from(duration.0).unwrap_or(i64::MAX)
}
