//! The handle of a Redis store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::fault::{RedisFault, Refusal};
use super::link::{LANES, Link};
use super::script::{Call, Tag};
use super::settings::{Address, RedisSettings, Topology};
use super::topology::{LEASE, Route, Watcher};
use super::{deployment, health};
use crate::domain::{Clock, Seconds};
use crate::store::{DeploymentId, OpenMode, StoreError};

/// An open Redis store. Cheap to clone; its connections close with the last clone.
///
/// Everything is written by scripts, on a master that is confirmed at the moment of sending. A call is tried at most twice, each time on
/// another connection and for at most half a second; scripts are made so that running twice is as good as once.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    created: bool,
    deployment: DeploymentId,
    engine: Engine,
}

/// The store's numbers, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreVitals {
    /// Connections to masters that are up.
    pub connected: usize,
    /// Connections to masters that should be up.
    pub connections: usize,
    /// Age of the oldest lease, in seconds; none for a single server.
    pub lease_age: Option<f64>,
    /// Calls that were sent a second time since the start.
    pub retries: u64,
}

impl RedisStore {
    /// Connects, waits until the masters are confirmed, and checks that they are fit and ours.
    ///
    /// # Errors
    /// Says what the administrator must change.
    pub async fn open(settings: RedisSettings, mode: OpenMode, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let engine = Engine::start(settings, clock);
        engine.watcher.until_whole(PATIENCE).await?;
        if mode != OpenMode::Command {
            engine.examine().await?;
        }
        let place = engine.place();
        let (found, _) = deployment::read(&engine, None).await?;
        let (created, deployment) = match (found, mode) {
            (Some(deployment), OpenMode::Init { accept_loss: false }) => {
                return Err(StoreError::AlreadyInitialised { place, deployment });
            }
            (Some(deployment), _) => (false, deployment),
            (None, OpenMode::Init { .. }) => (true, deployment::replace(&engine).await?),
            (None, OpenMode::Serve | OpenMode::Command) => return Err(RedisFault::NotInitialised { place }.into()),
        };
        Ok(Self(Arc::new(Inner { created, deployment, engine })))
    }

    pub(in crate::store) fn created(&self) -> bool {
        self.0.created
    }

    pub(in crate::store) fn deployment(&self) -> DeploymentId {
        self.0.deployment.clone()
    }

    pub(in crate::store) fn place(&self) -> String {
        self.0.engine.place()
    }

    /// Every master is fit, and the store is still the one that was opened. One that lost its id is given it back: the other kinds of
    /// state find themselves missing and do the same.
    pub(in crate::store) async fn check(&self) -> Result<(), StoreError> {
        self.0.engine.examine().await?;
        let expected = &self.0.deployment;
        match deployment::read(&self.0.engine, Some(expected)).await? {
            (Some(found), _) if found != *expected => Err(StoreError::AnotherDeployment { expected: expected.clone(), found }),
            (_, true) => {
                tracing::error!(store.deployment = %expected, "the store had lost its deployment id, and so everything; writing back what this node holds");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(in crate::store) async fn reset_deployment(&self) -> Result<DeploymentId, StoreError> {
        Ok(deployment::replace(&self.0.engine).await?)
    }

    /// Runs a script on the master of `tag`. `make` is told the configuration epoch; what it reads of a clock is older than the last look
    /// at the lease.
    ///
    /// # Errors
    /// As [`RedisFault`] says; the script may have run nevertheless.
    pub async fn call(&self, tag: Tag, make: impl Fn(u64) -> Call) -> Result<Value, StoreError> {
        Ok(self.0.engine.call(tag, make).await?.1)
    }

    /// [`Self::call`] for start-up and commands: blocks the thread, which must not be one of the runtime.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_blocking(&self, tag: Tag, make: impl Fn(u64) -> Call) -> Result<Value, StoreError> {
        self.0.engine.runtime.block_on(self.call(tag, make))
    }

    /// Runs a script for each of several tags, in one batch per master, without a second attempt.
    ///
    /// # Errors
    /// The first fault of any tag.
    pub async fn call_each(&self, tags: &[Tag], make: impl Fn(Tag, u64) -> Call) -> Result<Vec<Value>, StoreError> {
        Ok(self.0.engine.call_each(tags, make).await?)
    }

    /// The complete key of that name under a tag.
    #[must_use]
    pub fn key(&self, tag: Tag, name: &str) -> String {
        self.0.engine.key(tag, name)
    }

    /// Over how many tags spent tokens are spread: 256 in a cluster, else one.
    #[must_use]
    pub fn buckets(&self) -> u16 {
        if matches!(self.0.engine.settings.topology, Topology::Cluster { .. }) { 256 } else { 1 }
    }

    /// L: for how long after another master was confirmed a node may still send to the old one. Zero where there is one server.
    #[must_use]
    pub fn lease_term(&self) -> Seconds {
        if matches!(self.0.engine.settings.topology, Topology::Single(_)) { Seconds(0) } else { Seconds(LEASE.as_secs()) }
    }

    /// For metrics.
    #[must_use]
    pub fn vitals(&self) -> StoreVitals {
        let engine = &self.0.engine;
        let map = engine.watcher.map();
        let masters = map.masters();
        StoreVitals {
            connected: masters.iter().map(|master| master.connected()).sum(),
            connections: masters.len() * LANES,
            lease_age: map.oldest_lease().map(|age| age.as_secs_f64()),
            retries: engine.retries.load(Ordering::Relaxed),
        }
    }

    /// The server that a fault of an answer is told about: the master of `tag`, as far as it is known.
    #[must_use]
    pub fn unexpected(&self, tag: Tag) -> StoreError {
        let map = self.0.engine.watcher.map();
        let server = map.route(tag).map_or_else(|| Address { host: "?".into(), port: 0 }, |route| route.link.address().clone());
        RedisFault::Unexpected { server }.into()
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("place", &self.place()).field("deployment", &self.0.deployment).finish_non_exhaustive()
    }
}

/// Calls, before it is known whose store it is.
pub(super) struct Engine {
    clock: Arc<dyn Clock>,
    lane: AtomicUsize,
    retries: AtomicU64,
    runtime: Handle,
    settings: Arc<RedisSettings>,
    watcher: Watcher,
}

impl Engine {
    fn start(settings: RedisSettings, clock: Arc<dyn Clock>) -> Self {
        let settings = Arc::new(settings);
        Self {
            lane: AtomicUsize::new(0),
            retries: AtomicU64::new(0),
            runtime: Handle::current(),
            watcher: Watcher::start(&settings, &clock),
            clock,
            settings,
        }
    }

    fn place(&self) -> String {
        let list = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match &self.settings.topology {
            Topology::Single(address) => address.to_string(),
            Topology::Sentinel { sentinels, master } => format!("{master} of the Sentinels {}", list(sentinels)),
            Topology::Cluster { seeds } => format!("the cluster of {}", list(seeds)),
        }
    }

    /// Keys begin with our prefix, then the hash tag, then the version of the format: versions can live side by side.
    pub(super) fn key(&self, tag: Tag, name: &str) -> String {
        format!("{}{{{}}}:v1:{name}", self.settings.prefix, tag.name())
    }

    /// Role, version, policy of every master; that scripts may write, by the master of the state.
    async fn examine(&self) -> Result<(), RedisFault> {
        for master in self.watcher.map().masters() {
            health::look(&master).await?;
        }
        let keys = [self.key(Tag::STATE, "probe")];
        let (server, answer) = self.call(Tag::STATE, |_| Call::new(&health::PROBE, &keys)).await?;
        if health::kept(&answer) { Ok(()) } else { Err(RedisFault::Unexpected { server }) }
    }

    pub(super) async fn call(&self, tag: Tag, make: impl Fn(u64) -> Call) -> Result<(Address, Value), RedisFault> {
        let lane = self.lane.fetch_add(1, Ordering::Relaxed);
        let fault = match self.attempt(lane, tag, &make).await {
            Err(fault) if fault.passes() => fault,
            settled => return settled,
        };
        if fault.is_of_topology() {
            self.watcher.look_again(LOOK).await;
        }
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.attempt(lane + 1, tag, &make).await
    }

    async fn attempt(&self, lane: usize, tag: Tag, make: &impl Fn(u64) -> Call) -> Result<(Address, Value), RedisFault> {
        let map = self.watcher.map();
        let route = map.route(tag).ok_or_else(|| RedisFault::NoLease { found: map.found().into() })?;
        let call = make(route.epoch());
        let deadline = Instant::now() + ATTEMPT;
        // After the clock was read for the call, and last before it is sent: in this order a pause in between is harmless, because the
        // server compares the reading with its own clock.
        self.hold(route)?;
        let answer = match route.link.send(lane, call.command(), deadline).await {
            Err(RedisFault::Refused { refusal: Refusal::NoScript, .. }) => {
                route.link.send(lane, &call.script.load(), deadline).await?;
                self.hold(route)?;
                route.link.send(lane, call.command(), deadline).await
            }
            answer => answer,
        };
        Ok((route.link.address().clone(), answer?))
    }

    async fn call_each(&self, tags: &[Tag], make: impl Fn(Tag, u64) -> Call) -> Result<Vec<Value>, RedisFault> {
        let map = self.watcher.map();
        let mut batches: Vec<(Route, Vec<Tag>)> = Vec::new();
        for tag in tags {
            let route = map.route(*tag).ok_or_else(|| RedisFault::NoLease { found: map.found().into() })?;
            match batches.iter_mut().find(|(known, _)| Arc::ptr_eq(&known.link, &route.link) && known.epoch() == route.epoch()) {
                Some((_, batch)) => batch.push(*tag),
                None => batches.push((route.clone(), vec![*tag])),
            }
        }
        let mut answers = Vec::with_capacity(tags.len());
        for (route, batch) in &batches {
            let calls: Vec<_> = batch.iter().map(|tag| make(*tag, route.epoch())).collect();
            answers.extend(self.send_batch(route, &calls).await?);
        }
        Ok(answers)
    }

    async fn send_batch(&self, route: &Route, calls: &[Call]) -> Result<Vec<Value>, RedisFault> {
        let link: &Link = &route.link;
        let mut commands = Pipeline::new();
        for call in calls {
            commands.add_command(call.command().clone());
        }
        let deadline = Instant::now() + 2 * ATTEMPT;
        self.hold(route)?;
        let mut answers = link.send_all(1, &commands, deadline).await?;
        let unknown = |answer: &Value| matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT");
        if let (true, Some(call)) = (answers.iter().any(unknown), calls.first()) {
            link.send(1, &call.script.load(), deadline).await?;
            self.hold(route)?;
            answers = link.send_all(1, &commands, deadline).await?;
        }
        answers.into_iter().map(|answer| answer.extract_error().map_err(|error| RedisFault::of(link.address(), &error))).collect()
    }

    fn hold(&self, route: &Route) -> Result<(), RedisFault> {
        if route.holds(&*self.clock) { Ok(()) } else { Err(RedisFault::NoLease { found: "nobody has confirmed it lately".into() }) }
    }
}

/// One attempt of a call, from having a connection to having the answer.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);
/// How long a retry waits for another look at the topology.
const LOOK: Duration = Duration::from_millis(150);
/// How long the start waits for a confirmed master.
const PATIENCE: Duration = Duration::from_secs(8);
