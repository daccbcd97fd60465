//! The guard's calls as script calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;

use crate::domain::{Clock, Seconds, Timestamp};
use crate::release::issuance::{OpaqueRecord, ReplayKey};
use crate::release::replay::guard::Pulse;
use crate::release::replay::spend::{Spend, Verdict};
use crate::release::replay::{CLOCK_OFFSET, FENCE_MARGIN, RECORD_MARGIN, REPEAT_FOR, SpendError};
use crate::store::StoreError;
use crate::store::redis::{Call, RedisStore, Script, Tag, on_master};

use super::answer::{Answer, History, Said, read};
use super::opaque::{self, opaque_name, spent_tag};

static GUARD: Script = Script::new(include_str!("guard.lua"));

/// Makes every later call see another history than before: the fence goes up anew, wherever it stood, and the store's clock is believed
/// from now on.
static CUT_OFF: Script = Script::new(on_master!(
    "redis.call('HSET', KEYS[1], 'replid', '', 'epoch', '', 'evicted', '', 'until', 0, 'latest', 0)
     return 1"
));

/// Remembers in Redis.
pub(in crate::release::replay) struct RedisEngine {
    /// Fences that our calls put up since the start.
    armed: AtomicU64,
    clock: Arc<dyn Clock>,
    /// Seconds by which the store's clock was ahead of ours, at the last answer.
    offset: AtomicI64,
    /// The history that answered last, of each tag.
    seen: Mutex<HashMap<Tag, History>>,
    store: RedisStore,
    tags: Vec<Tag>,
}

impl RedisEngine {
    pub(in crate::release::replay) fn new(store: RedisStore, clock: Arc<dyn Clock>) -> Self {
        let tags = (0..=u8::MAX).take(usize::from(store.buckets())).map(Tag::spent).collect();
        Self { armed: AtomicU64::new(0), clock, offset: AtomicI64::new(0), seen: Mutex::default(), store, tags }
    }

    pub(in crate::release::replay) async fn spend(&self, spend: Spend, record: Option<&OpaqueRecord>) -> Result<Verdict, StoreError> {
        let tag = spent_tag(&self.store, spend.key.bucket());
        let handle = record.map(|record| self.store.key(tag, &opaque_name(&record.name)));
        let keys = [self.store.key(tag, FENCE), self.store.key(tag, &record_name(&spend.key)), handle.unwrap_or_default()];
        let keys = if record.is_some() { &keys[..] } else { &keys[..2] };
        let owner = URL_SAFE_NO_PAD.encode(spend.owner.as_bytes());
        let released = spend.owner.may_repeat().then_some(spend.released);
        let make = |epoch| {
            let call = self.guard(tag, keys, epoch).number(spend.issued_at.unix()).number(spend.refused_from.unix());
            let call = call.arg(&owner).number((CLOCK_OFFSET + RECORD_MARGIN).0);
            let call = match released {
                Some(times) => call.number(times.issued_at.unix()).number(times.expires_at.unix()),
                None => call.arg("").arg(""),
            };
            let call = call.number(REPEAT_FOR.0);
            match record {
                Some(record) => call.arg(&record.sealed).number(record.keep_until.unix()),
                None => call,
            }
        };
        let answer = self.store.call(tag, make).await?;
        let answer = self.note(tag, &answer)?;
        if answer.armed {
            tracing::warn!(replay.tag = ?tag, "{RAISED}");
        }
        match answer.said {
            Said::Verdict(verdict) => Ok(verdict),
            Said::Fence(_) => Err(self.store.unexpected(tag)),
        }
    }

    /// Keeps what an opaque token stands for, when no spend does it.
    pub(in crate::release::replay) async fn keep(&self, record: &OpaqueRecord) -> Result<(), StoreError> {
        opaque::keep(&self.store, record).await
    }

    /// Looks at every fence: they are put up by time, not by use.
    pub(in crate::release::replay) async fn tick(&self) -> Result<Pulse, SpendError> {
        let looked = self.store.call_each(&self.tags, |tag, epoch| self.guard(tag, &[self.store.key(tag, FENCE)], epoch)).await?;
        let (mut until, mut armed) = (Timestamp::default(), 0_u64);
        for (tag, answer) in &looked {
            let answer = self.note(*tag, answer)?;
            match answer.said {
                Said::Fence(stands) => until = until.max(stands),
                Said::Verdict(Verdict::Clock { offset }) => return Err(SpendError::ClockOffset { offset }),
                Said::Verdict(_) => return Err(self.store.unexpected(*tag).into()),
            }
            armed += u64::from(answer.armed);
        }
        if armed > 0 {
            tracing::warn!(
                fence.until = %until, fence.count = armed, "{RAISED}"
            );
        }
        Ok(Pulse {
            forgotten: 0,
            fences: self.armed.load(Ordering::Relaxed),
            fence_until: until,
            clock_offset: self.offset.load(Ordering::Relaxed),
        })
    }

    /// Cuts off everything issued before now.
    pub(in crate::release::replay) async fn cut_off(&self) -> Result<(), SpendError> {
        self.store.call_each(&self.tags, |tag, _| Call::new(&CUT_OFF, &[self.store.key(tag, FENCE)])).await?;
        self.tick().await.map(drop)
    }

    /// What every call begins with. The clock is read here, before the lease is looked at for the last time.
    fn guard(&self, tag: Tag, keys: &[String], epoch: u64) -> Call {
        // A word that no Sentinel says: nodes that know the same server in two ways, under two margins, fence each other's tokens.
        let call = if self.has_witnesses() { Call::new(&GUARD, keys).number(epoch) } else { Call::new(&GUARD, keys).arg("single") };
        let call = call.number(self.clock.now().unix()).number(CLOCK_OFFSET.0).number(self.margin().0);
        call.arg(self.store.deployment().as_str()).arg(self.expected(tag, epoch).as_bytes())
    }

    fn has_witnesses(&self) -> bool {
        self.store.lease_term() > Seconds(0)
    }

    /// The history that must answer: the one that did last, unless a higher epoch has begun.
    fn expected(&self, tag: Tag, epoch: u64) -> Box<str> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&tag) {
            Some(last) if last.epoch.is_none_or(|last| epoch <= last) => last.replid.clone(),
            _ => Box::default(),
        }
    }

    /// Answers may overtake each other: an older epoch takes no newer one's place, unless the fence went up for it.
    fn remember(&self, tag: Tag, answer: &Answer) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get(&tag);
        let older = last.is_some_and(|last| answer.history.epoch < last.epoch);
        // Nearly every answer comes from the history before: nothing is copied for those.
        if last != Some(&answer.history) && (!older || answer.armed) {
            seen.insert(tag, answer.history.clone());
        }
    }

    /// M: how far ahead of the moment it goes up a fence stands.
    pub(in crate::release::replay) fn margin(&self) -> Seconds {
        FENCE_MARGIN + self.store.lease_term()
    }

    fn note(&self, tag: Tag, value: &Value) -> Result<Answer, StoreError> {
        let answer = read(value).ok_or_else(|| self.store.unexpected(tag))?;
        self.offset.store(answer.offset, Ordering::Relaxed);
        self.armed.fetch_add(u64::from(answer.armed), Ordering::Relaxed);
        if !matches!(answer.said, Said::Verdict(Verdict::Clock { .. })) {
            self.remember(tag, &answer);
        }
        Ok(answer)
    }
}

/// 128 bits of the digest: enough that nobody finds a second token of the same name.
fn record_name(key: &ReplayKey) -> String {
    format!("spent:{}", URL_SAFE_NO_PAD.encode(&key.as_bytes()[..16]))
}

const FENCE: &str = "fence";
const RAISED: &str = "the store may have lost spends (restart, failover, flush, eviction, a clock that went back, or nodes with different \
                      [store] urls): tokens issued before are fenced";
