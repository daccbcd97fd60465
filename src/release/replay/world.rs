//! What the tests of the contract stand on.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::Poll;

use crate::domain::{Audience, Clock as _, Digest256, ManualClock, Seconds, Timestamp};
use crate::release::issuance::{ReplayKey, Spends, Spent, Times};
use crate::token::ReplayMode;

use super::guard::{Attempt, Passed};
use super::spend::{Owner, Spend, Verdict};
use super::{OpaqueTokens, ReplayGuard, SpendError};

/// A guard with its store and its clock. The store of a new world did not exist before.
pub(super) trait World {
    /// The guard of the process that runs. To be asked for anew at each use: a store with a clock of its own is set by our clock then.
    fn guard(&self) -> &ReplayGuard;
    fn clock(&self) -> &ManualClock;
    /// The process ends and starts again. An error is why it does not start: there is no guard then.
    async fn try_restart(&mut self) -> Result<(), SpendError>;
    /// The store loses everything; the process starts again.
    async fn lose_everything(&mut self);
    /// Whoever explains opaque tokens.
    fn opaque_tokens(&self) -> OpaqueTokens;
    /// How many spent tokens the store remembers.
    fn records(&self) -> usize;
    /// The offset that is told after our clock went back by so many seconds: the store's own clock is ahead of ours then.
    fn offset_after_going_back(&self, seconds: i64) -> i64 {
        seconds
    }

    /// An attempt that was sent when our clock stood elsewhere than the store's does now.
    async fn ask_as_of(&self, sent_at: Timestamp, attempt: Spend) -> Verdict {
        self.guard().ask(Spend { sent_at, ..attempt }, None).await.unwrap()
    }

    async fn restart(&mut self) {
        self.try_restart().await.unwrap();
    }
}

pub(super) const START: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A token of an issuer in mode `once` that is `issued_at` now and accepted for six minutes.
pub(super) fn token(name: &str, world: &impl World) -> Spends {
    let now = world.clock().now();
    Spends {
        audience: Audience::parse("https://deploy.example.com").unwrap(),
        identity: Digest256::of(name.as_bytes()),
        issued_at: Some(now),
        mode: ReplayMode::Once,
        owner: None,
        refused_from: now + Seconds(360),
        what: Spent::Subject,
    }
}

/// Waits until tokens issued now are accepted.
pub(super) fn past_the_fence<W: World>(world: W) -> W {
    world.clock().advance(world.guard().fence_margin() + Seconds(1));
    world
}

/// The outcome in one word, for tables.
pub(super) fn word(outcome: &Result<Passed, SpendError>) -> &'static str {
    match outcome {
        Ok(Passed::First) => "fresh",
        Ok(Passed::Again(_)) => "repeat",
        Err(error) => error.reason(),
    }
}

pub(super) async fn use_up(world: &impl World, spends: &Spends) -> Result<Passed, SpendError> {
    use_up_at(world.guard(), spends, lasting_ten_minutes(world.clock().now())).await
}

/// One attempt to release a token of these times.
pub(super) async fn use_up_at(guard: &ReplayGuard, spends: &Spends, released: Times) -> Result<Passed, SpendError> {
    guard.use_up(spends, &Attempt { nonce: OnceLock::new(), released, record: None }).await
}

pub(super) fn lasting_ten_minutes(now: Timestamp) -> Times {
    Times { issued_at: now, expires_at: now + Seconds(600) }
}

pub(super) async fn spend(world: &impl World, spends: &Spends) -> &'static str {
    word(&use_up(world, spends).await)
}

/// What one attempt asks the engine, now.
pub(super) fn attempt(world: &impl World, spends: &Spends, owner: Owner) -> Spend {
    let now = world.clock().now();
    Spend {
        key: ReplayKey::of(spends).unwrap(),
        owner,
        issued_at: spends.issued_at.unwrap(),
        refused_from: spends.refused_from,
        sent_at: now,
        released: lasting_ten_minutes(now),
    }
}

/// Begins all of them before any has ended, and gives what they came to.
pub(super) async fn all_at_once<F: Future>(attempts: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut attempts: Vec<Pin<Box<F>>> = attempts.map(Box::pin).collect();
    let mut outcomes = Vec::new();
    std::future::poll_fn(|context| {
        attempts.retain_mut(|attempt| match attempt.as_mut().poll(context) {
            Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            Poll::Pending => true,
        });
        if attempts.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes
}
