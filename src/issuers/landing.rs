//! The task that reads an issuer's keys, and what it tells the log.

use std::sync::Arc;

use tokio::sync::watch;

use crate::token::KeySet;

use super::key_cache::{Flight, KeyCache, News, Outcome, Surprises};
use super::key_source::KeysUnread;
use super::key_state::Change;

/// One reading that is under way. However it ends, a panic and the end of the runtime included, whoever waits for it goes on.
pub(super) struct Landing {
    cache: Arc<KeyCache>,
    landed: bool,
    /// Dropped after `drop` below has run: who wakes up sees what was read.
    ends: watch::Sender<()>,
}

impl Landing {
    pub(super) fn new(cache: Arc<KeyCache>) -> Self {
        Self { cache, landed: false, ends: watch::channel(()).0 }
    }

    pub(super) fn flight(&self) -> Flight {
        self.ends.subscribe()
    }

    /// Reads in a task of its own. Not to be called under the lock of the cache.
    pub(super) fn take_off(self) -> Flight {
        let flight = self.flight();
        tokio::spawn(self.fly());
        flight
    }

    async fn fly(mut self) {
        let outcome = self.cache.read().await;
        let news = self.land(outcome);
        log(self.cache.origin.name.as_str(), news);
    }

    fn land(&mut self, outcome: Outcome) -> News {
        self.landed = true;
        self.cache.land(outcome)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.landed {
            // Not logged: a panic has been, and the end of the runtime is no news.
            self.land(Err(KeysUnread::BrokenOff));
        }
    }
}

fn log(issuer: &str, news: News) {
    match news {
        News::Failed { error: None, .. } => {}
        News::Failed { error: Some(error), usable_keys } => tracing::warn!(
            issuer.name = issuer, %error, keys.usable = usable_keys,
            "the issuer's keys cannot be read; those already held stay in use for up to 12 hours"
        ),
        News::Read { change, keys, recovered, surprises: Surprises { changed, moved_to } } => {
            if recovered {
                tracing::info!(issuer.name = issuer, "the issuer's keys can be read again");
            }
            if let Some(origin) = moved_to {
                tracing::warn!(issuer.name = issuer, keys.origin = %origin, "the issuer now serves its keys from another origin");
            }
            for key_id in changed {
                tracing::warn!(issuer.name = issuer, key.id = ?key_id, "another key stands under a name that the issuer used before");
            }
            log_change(issuer, change, &keys);
        }
    }
}

/// Once per change of the document, not per reading.
fn log_change(issuer: &str, change: Change, keys: &KeySet) {
    match change {
        Change::None => return,
        Change::EmptyDoubted => tracing::warn!(
            issuer.name = issuer,
            "the issuer's key set holds no usable key; the keys already held stay in use until it is read again in a minute"
        ),
        Change::EmptyBelieved => {
            tracing::warn!(issuer.name = issuer, "the issuer's key set still holds no usable key; the keys held before are gone");
        }
        Change::Replaced if keys.usable() == 0 => {
            tracing::warn!(issuer.name = issuer, "the issuer's key set holds no usable key; none of its tokens can be verified");
        }
        Change::Replaced => tracing::info!(issuer.name = issuer, keys.usable = keys.usable(), "the issuer's keys are in use"),
    }
    for (key_id, why) in keys.unusable() {
        tracing::warn!(issuer.name = issuer, key.id = ?key_id, %why, "a key of the issuer cannot be used");
    }
}
