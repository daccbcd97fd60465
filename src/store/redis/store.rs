//! The handle of a Redis store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use redis::Value;

use super::connection::LANES;
use super::engine::Engine;
use super::fault::RedisFault;
use super::script::{Call, Script, Tag};
use super::settings::{Address, RedisSettings, Topology};
use super::topology::LEASE;
use super::{deployment, health};
use crate::domain::{Clock, Seconds};
use crate::store::{DeploymentId, OpenMode, StoreError};

/// An open Redis store. Cheap to clone; its connections close with the last clone.
///
/// Everything is written by scripts, on a master that is confirmed at the moment of sending. A call is tried at most twice, each
/// time on another connection and for at most half a second; scripts are made so that running twice is as good as once.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    created: bool,
    deployment: DeploymentId,
    engine: Engine,
    /// The first id of another history that was found. From then on this handle answers nothing: not even a store that shows our id
    /// again is believed without a restart.
    foreign: OnceLock<DeploymentId>,
    losses: AtomicU64,
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
        engine.until_whole().await?;
        if mode != OpenMode::Command {
            engine.examine(&health::EVERY_COMMAND).await?;
        }
        let place = engine.place();
        let (found, _) = deployment::read(&engine, None).await?;
        let (created, deployment) = match (found, mode) {
            (Some(deployment), OpenMode::Init { accept_loss: false }) => {
                return Err(StoreError::AlreadyInitialised { place, deployment });
            }
            (Some(deployment), _) => (false, deployment),
            (None, OpenMode::Init { .. }) => match deployment::read(&engine, Some(&DeploymentId::random())).await? {
                (Some(deployment), true) => (true, deployment),
                // A node that still runs wrote its id back in between.
                (Some(deployment), false) => return Err(StoreError::AlreadyInitialised { place, deployment }),
                (None, _) => return Err(RedisFault::NotInitialised { place }.into()),
            },
            (None, OpenMode::Serve | OpenMode::Command) => return Err(RedisFault::NotInitialised { place }.into()),
        };
        Ok(Self(Arc::new(Inner { created, deployment, engine, foreign: OnceLock::new(), losses: AtomicU64::new(0) })))
    }

    pub(in crate::store) fn created(&self) -> bool {
        self.0.created
    }

    /// The id of its history, as it was when it was opened.
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.0.deployment.clone()
    }

    pub(in crate::store) fn place(&self) -> String {
        self.0.engine.place()
    }

    /// Every master is fit, and the store is still the one that was opened. One that lost its id is given it back: the other kinds of
    /// state find themselves missing and do the same.
    pub(in crate::store) async fn check(&self) -> Result<(), StoreError> {
        self.still_ours()?;
        self.0.engine.examine(&health::WRITES).await?;
        let expected = &self.0.deployment;
        match deployment::read(&self.0.engine, Some(expected)).await? {
            (Some(found), _) if found != *expected => Err(self.of_another(found)),
            (_, true) => {
                self.0.losses.fetch_add(1, Ordering::SeqCst);
                tracing::error!(store.deployment = %expected, "the store had lost its deployment id, and so everything; writing back what this node holds");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// How often a check found that the store had lost everything.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.0.losses.load(Ordering::SeqCst)
    }

    /// Begins a new history: a new deployment id and, in the same step, nothing at the hashes of these names under [`Tag::STATE`]. Nodes
    /// of the old history find another deployment; this handle is to be dropped.
    ///
    /// # Errors
    /// As [`Self::call`]; the id may then be the old or the new one.
    pub async fn begin_anew(&self, emptied: &[&str]) -> Result<DeploymentId, StoreError> {
        Ok(deployment::replace(&self.0.engine, emptied).await?)
    }

    /// Runs a script on the master of `tag`. `make` is told the configuration epoch; what it reads of a clock is older than the last look
    /// at the lease.
    ///
    /// # Errors
    /// As [`RedisFault`] says; the script may have run nevertheless.
    pub async fn call(&self, tag: Tag, make: impl Fn(u64) -> Call) -> Result<Value, StoreError> {
        self.still_ours()?;
        match self.0.engine.call(tag, make).await {
            Ok((_, answer)) => Ok(answer),
            Err(RedisFault::AnotherDeployment { found, .. }) => Err(self.of_another(DeploymentId::found(&found))),
            Err(fault) => Err(fault.into()),
        }
    }

    /// A call of a script made with `in_deployment!`, on what all nodes share: keys of these names under [`Tag::STATE`].
    #[must_use]
    pub fn shared_call(&self, script: &'static Script, names: &[&str]) -> Call {
        let mut keys = vec![deployment::key(&self.0.engine)];
        keys.extend(names.iter().map(|name| self.key(Tag::STATE, name)));
        Call::new(script, &keys).arg(self.0.deployment.as_str())
    }

    /// [`Self::call`] for start-up and commands: blocks the thread, which must not be one of the runtime.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_blocking(&self, tag: Tag, make: impl Fn(u64) -> Call) -> Result<Value, StoreError> {
        self.0.engine.runtime().block_on(self.call(tag, make))
    }

    /// Runs a script for each of several tags, in one batch per master, without a second attempt. The answers come in any order.
    ///
    /// # Errors
    /// The first fault of any tag.
    pub async fn call_each(&self, tags: &[Tag], make: impl Fn(Tag, u64) -> Call) -> Result<Vec<(Tag, Value)>, StoreError> {
        self.still_ours()?;
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
        if self.0.engine.settings().topology.is_cluster() { 256 } else { 1 }
    }

    /// L: for how long after another master was confirmed a node may still send to the old one. Zero where there is one server.
    #[must_use]
    pub fn lease_term(&self) -> Seconds {
        if matches!(self.0.engine.settings().topology, Topology::Single(_)) { Seconds(0) } else { Seconds(LEASE.as_secs()) }
    }

    /// For metrics.
    #[must_use]
    pub fn vitals(&self) -> StoreVitals {
        let engine = &self.0.engine;
        let map = engine.map();
        let masters = map.masters();
        StoreVitals {
            connected: masters.iter().map(|master| master.connected()).sum(),
            connections: masters.len() * LANES,
            lease_age: map.oldest_lease().map(|age| age.as_secs_f64()),
            retries: engine.retries(),
        }
    }

    /// The server that a fault of an answer is told about: the master of `tag`, as far as it is known.
    #[must_use]
    pub fn unexpected(&self, tag: Tag) -> StoreError {
        let map = self.0.engine.map();
        let server = map.route(tag).map_or_else(|| Address { host: "?".into(), port: 0 }, |route| route.link.address().clone());
        RedisFault::Unexpected { server }.into()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn still_ours(&self) -> Result<(), StoreError> {
        self.0.foreign.get().map_or(Ok(()), |found| Err(self.of_another(found.clone())))
    }

    fn of_another(&self, found: DeploymentId) -> StoreError {
        let found = self.0.foreign.get_or_init(|| found).clone();
        StoreError::AnotherDeployment { expected: self.0.deployment.clone(), found }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("place", &self.place()).field("deployment", &self.0.deployment).finish_non_exhaustive()
    }
}
