//! The task that reads an issuer's keys, and what it tells the log.

use std::sync::Arc;

use tokio::sync::watch;

use crate::token::KeySet;

use super::key_cache::{Flight, KeyCache, News, Outcome, Surprises};
use super::key_source::{Author, KeyOrigin, KeysUnread};
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
        log(&self.cache.origin, news);
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

/// Who is spoken of: a client is in other files than an issuer of the same name.
#[derive(Clone, Copy)]
struct Named<'a> {
    whose: &'static str,
    issuer: Option<&'a str>,
    client: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn of(origin: &'a KeyOrigin) -> Self {
        let name = Some(origin.name.as_str());
        match origin.author {
            Author::Client => Self { whose: "client", issuer: None, client: name },
            Author::Issuer => Self { whose: "issuer", issuer: name, client: None },
        }
    }
}

fn log(origin: &KeyOrigin, news: News) {
    let Named { whose, issuer, client } = Named::of(origin);
    match news {
        News::Failed { error: None, .. } => {}
        News::Failed { error: Some(error), usable_keys } => tracing::warn!(
            issuer.name = issuer, client.name = client, %error, keys.usable = usable_keys,
            "the {whose}'s keys cannot be read; those already held stay in use for up to 12 hours"
        ),
        News::Read { change, keys, recovered, surprises: Surprises { changed, moved_to } } => {
            if recovered {
                tracing::info!(issuer.name = issuer, client.name = client, "the {whose}'s keys can be read again");
            }
            if let Some(place) = moved_to {
                tracing::warn!(
                    issuer.name = issuer, client.name = client, keys.origin = %place,
                    "the {whose} now serves its keys from another origin"
                );
            }
            for key_id in changed {
                tracing::warn!(
                    issuer.name = issuer,
                    client.name = client,
                    key.id = &*key_id,
                    "another key stands under a name that the {whose} used before"
                );
            }
            log_change(Named::of(origin), change, &keys);
        }
    }
}

/// Once per change of the document, not per reading.
fn log_change(named: Named<'_>, change: Change, keys: &KeySet) {
    let Named { whose, issuer, client } = named;
    match change {
        Change::None => return,
        Change::EmptyDoubted => tracing::warn!(
            issuer.name = issuer,
            client.name = client,
            "the {whose}'s key set holds no usable key; the keys already held stay in use until it is read again in a minute"
        ),
        Change::EmptyBelieved => tracing::warn!(
            issuer.name = issuer,
            client.name = client,
            "the {whose}'s key set still holds no usable key; the keys held before are gone"
        ),
        Change::Replaced if keys.usable() == 0 => tracing::warn!(
            issuer.name = issuer,
            client.name = client,
            "the {whose}'s key set holds no usable key; nothing that it signs can be verified"
        ),
        Change::Replaced => {
            tracing::info!(issuer.name = issuer, client.name = client, keys.usable = keys.usable(), "the {whose}'s keys are in use");
        }
    }
    for (key_id, why) in keys.unusable() {
        tracing::warn!(issuer.name = issuer, client.name = client, key.id = key_id, %why, "a key of the {whose} cannot be used");
    }
}
