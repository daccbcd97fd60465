//! Following the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::store::{Store, StoreError};

use super::index::Index;
use super::kept::{Look, Seen, add, look};
use super::known::{Ended, Held, Kept};
use super::rule::{Change, Rule, RuleId};
use super::service::{Moment, Revocations};
use super::text::UnknownRule;

/// Why a node could not find out what was taken back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SyncError {
    /// The store gave no answer that can be believed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It holds what a later version wrote.
    #[error(transparent)]
    Unknown(#[from] UnknownRule),
}

impl Revocations {
    /// Looks at the store: learns what is new, confirms what is known, and gives back what the store has lost, before it issues again.
    /// Twice a second, and whenever [`Self::listen`] says so.
    ///
    /// It goes on for as long as it learns something, however much there is.
    ///
    /// # Errors
    /// The store's, or a change of a later version; what is known stays in force, and the next call goes on from there.
    pub async fn sync(&self) -> Result<(), SyncError> {
        let Some(store) = &self.store else { return Ok(()) };
        let _turn = self.turn.lock().await;
        let mut in_vain = 0;
        while in_vain < PATIENCE {
            let asked = Moment::now(&*self.clock);
            let (known, written) = (self.held().since(), self.holders.unread(self.clock.now()));
            match look(store, &self.question(true)).await? {
                Seen::Astray => self.reunite(store).await?,
                // The question said how much is known, so the store knows it too.
                Seen::News(news) if news.changes.is_empty() => {
                    let lost = self.holders.still_unread(written);
                    if lost.is_empty() {
                        // After what was learnt: whoever sees that this is fresh sees the rules.
                        self.confirmed.store(Some(Arc::new(asked)));
                        self.forget();
                        return Ok(());
                    }
                    self.write_again(store, lost).await?;
                }
                Seen::News(news) => self.learn(news.changes),
            }
            in_vain = if self.held().since() > known { 0 } else { in_vain + 1 };
        }
        Err(StoreError::NotKept.into())
    }

    /// The store promised to keep these, and lost them before this node had read them back.
    async fn write_again(&self, store: &Store, lost: Vec<Ended>) -> Result<(), SyncError> {
        tracing::error!(revocations.missing = lost.len(), "the store has lost what holders revoked; writing it again");
        let lost: Vec<_> = lost.into_iter().map(Kept::Token).collect();
        self.give(store, &lost, 0).await
    }

    /// Adds what the store does not have, with numbers above `floor`.
    async fn give(&self, store: &Store, missing: &[Kept], floor: u64) -> Result<(), SyncError> {
        // At least one call: the highest number must not fall either.
        for chunk in missing.chunks(AT_ONCE).chain(missing.is_empty().then_some(&[][..])) {
            let changes: Vec<_> = chunk.iter().map(Kept::change).collect();
            add(store, &changes, floor, self.clock.unix_millis()).await?;
        }
        Ok(())
    }

    /// The store was emptied, or fell back behind what this node knows. Reads all of it and adds what it does not have.
    async fn reunite(&self, store: &Store) -> Result<(), SyncError> {
        self.confirmed.store(None);
        let mut there = self.read_on(store, Held::default()).await?;
        let (missing, floor) = {
            let held = self.held();
            (held.missing_from(&there, self.clock.now()), held.since().max(there.since()))
        };
        tracing::error!(
            revocations.missing = missing.len(),
            revocations.version = floor,
            "the store has lost revocations; writing back what this node holds"
        );
        self.give(store, &missing, floor).await?;
        there = self.read_on(store, there).await?;
        let news = there.missing_from(&self.held(), self.clock.now());
        *self.held() = there;
        self.put_in_force(&news);
        Ok(())
    }

    async fn read_on(&self, store: &Store, mut held: Held) -> Result<Held, SyncError> {
        loop {
            let now = self.clock.now();
            let question = Look { since: held.since(), witness: held.witness(now), ..self.question(false) };
            // When it changes under the reader, the next look begins again.
            let Seen::News(news) = look(store, &question).await? else { return Err(StoreError::NotKept.into()) };
            for (number, change) in news.changes {
                held.learn(number, change);
            }
            if !news.more {
                return Ok(held);
            }
        }
    }

    fn question(&self, confirm: bool) -> Look {
        let held = self.held();
        Look {
            node: confirm.then(|| self.settings.node.clone()),
            since: held.since(),
            witness: held.witness(self.clock.now()),
            max_stale: self.settings.max_stale,
            unix_millis: self.clock.unix_millis(),
        }
    }

    fn learn(&self, changes: Vec<(u64, Change)>) {
        let mut held = self.held();
        let news: Vec<_> = changes.into_iter().filter_map(|(number, change)| held.learn(number, change)).collect();
        drop(held);
        self.put_in_force(&news);
    }

    /// What was learnt refuses from now on. What people made is laid out anew; there is little of it.
    fn put_in_force(&self, news: &[Kept]) {
        let mut by_hand = false;
        for kept in news {
            match kept {
                Kept::Token(ended) => self.holders.learn(ended),
                Kept::Made(_) => by_hand = true,
            }
            tell(kept);
        }
        if by_hand {
            let index = Index::of(self.held().made());
            self.index.store(Arc::new(index));
        }
    }

    /// Once a minute: drops what is over.
    fn forget(&self) {
        let minute = self.clock.monotonic().as_secs() / 60;
        if self.forgot_at.swap(minute, Ordering::Relaxed) == minute {
            return;
        }
        let now = self.clock.now();
        let mut held = self.held();
        held.forget(now);
        self.index.store(Arc::new(Index::of(held.made())));
        drop(held);
        self.holders.forget(now);
    }
}

/// One line for what somebody decided; what holders do with their own tokens is no news.
fn tell(kept: &Kept) {
    let change = match kept {
        Kept::Token((id, _)) => return tracing::debug!(revocation.id = %RuleId::of_token(id), "a token was revoked by its holder"),
        Kept::Made(change) => &**change,
    };
    match change {
        Change::Rule(rule) => {
            let Rule { id, kind, selector, reason, by, made_at, .. } = &**rule;
            tracing::warn!(
                revocation.id = %id, revocation.kind = kind.name(), revocation.selector = %selector, revocation.by = %by.escape_debug(),
                revocation.reason = %reason.escape_debug(), revocation.made_at = %made_at, "a revocation is in force"
            );
        }
        Change::Lift(lift) => {
            tracing::warn!(revocation.id = %lift.rule, revocation.by = %lift.by.escape_debug(), "a block was lifted");
        }
    }
}

/// Answers of the store in a row from which nothing was learnt: enough to mend a loss, and an end for a store that never agrees.
const PATIENCE: usize = 5;
/// Changes that are given back with one call.
const AT_ONCE: usize = 500;
