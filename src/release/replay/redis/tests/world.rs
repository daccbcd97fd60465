//! A guard on a [`Site`].

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use crate::domain::{Clock, ManualClock, SystemClock, Timestamp};
use crate::release::issuance::Spends;
use crate::release::replay::spend::{Spend, Verdict};
use crate::release::replay::world::{World, past_the_fence, spend};
use crate::release::replay::{OpaqueTokens, ReplayGuard, SpendError};
use crate::servers::{RedisOptions, RedisServer};
use crate::store::{OpenMode, RedisStore, Store};

pub(super) struct RedisWorld {
    clock: Arc<ManualClock>,
    pub(super) site: Arc<Site>,
    open: Option<(RedisStore, ReplayGuard)>,
}

impl RedisWorld {
    /// Begins with nothing, at the time of the site.
    pub(super) async fn on(site: Arc<Site>) -> Self {
        // The clock may still run.
        site.clock.set(site.clock.now());
        site.flush();
        let mut world = Self::beside(site);
        world.start(OpenMode::Init { accept_loss: false }).await.unwrap();
        world
    }

    /// No process runs yet, and nothing is emptied.
    pub(super) fn beside(site: Arc<Site>) -> Self {
        Self { clock: Arc::new(ManualClock::at(site.clock.now())), site, open: None }
    }

    /// A server of its own, past its first fence.
    pub(super) async fn single(options: RedisOptions) -> Self {
        past_the_fence(Self::on(Site::single(options)).await)
    }

    pub(super) fn server(&self) -> &RedisServer {
        self.site.masters()[0]
    }

    pub(super) fn store(&self) -> &RedisStore {
        &self.open.as_ref().unwrap().0
    }

    /// The guard, with the servers' clock left where it stands.
    pub(super) fn guard_as_it_is(&self) -> &ReplayGuard {
        &self.open.as_ref().unwrap().1
    }

    pub(super) async fn start(&mut self, mode: OpenMode) -> Result<(), SpendError> {
        self.open = None;
        self.site.clock.follow(self.clock.now());
        // Leases are about real time.
        let store = RedisStore::open(self.site.settings(), mode, Arc::new(SystemClock::new())).await?;
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let guard = ReplayGuard::open(&Store::Redis(store.clone()), clock).await?;
        self.open = Some((store, guard));
        Ok(())
    }
}

impl World for RedisWorld {
    fn guard(&self) -> &ReplayGuard {
        self.site.clock.follow(self.clock.now());
        self.guard_as_it_is()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn ask_as_of(&self, sent_at: Timestamp, attempt: Spend) -> Verdict {
        let (now, guard) = (self.clock.now(), self.guard());
        self.clock.step_to(sent_at);
        let verdict = guard.ask(attempt, None).await;
        self.clock.step_to(now);
        verdict.unwrap()
    }

    async fn try_restart(&mut self) -> Result<(), SpendError> {
        self.start(OpenMode::Serve).await
    }

    async fn lose_everything(&mut self) {
        self.open = None;
        self.site.lose_everything();
        self.site.clock.set(self.clock.now());
        self.start(OpenMode::Init { accept_loss: false }).await.unwrap();
    }

    fn opaque_tokens(&self) -> OpaqueTokens {
        OpaqueTokens::new(Store::Redis(self.store().clone()))
    }

    fn records(&self) -> usize {
        self.site.clock.follow(self.clock.now());
        self.site.record_keys().len()
    }
}

/// The outcome of a spend, once the connections that an event has broken are back.
pub(super) async fn settled(world: &RedisWorld, spends: &Spends) -> &'static str {
    for _ in 0..400 {
        match spend(world, spends).await {
            "store_unavailable" => tokio::time::sleep(Duration::from_millis(20)).await,
            outcome => return outcome,
        }
    }
    panic!("the store does not come back");
}
