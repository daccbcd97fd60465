//! Calls: one attempt, one retry, and batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::fault::{RedisFault, Refusal};
use super::health;
use super::script::{Call, Script, Tag};
use super::settings::{Address, RedisSettings, Topology};
use super::topology::{Map, Route, Watcher};
use crate::domain::Clock;

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
    /// Begins to connect and to look at the topology. Must be called inside the runtime.
    pub(super) fn start(settings: RedisSettings, clock: Arc<dyn Clock>) -> Self {
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

    pub(super) fn settings(&self) -> &RedisSettings {
        &self.settings
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Calls that were sent a second time.
    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(super) fn map(&self) -> Arc<Map> {
        self.watcher.map()
    }

    /// Waits until every tag has a confirmed master, and a connection to it.
    pub(super) async fn until_whole(&self) -> Result<(), RedisFault> {
        let deadline = Instant::now() + PATIENCE;
        self.watcher.until_whole(PATIENCE).await?;
        for master in self.watcher.map().masters() {
            master.connected_by(deadline).await?;
        }
        Ok(())
    }

    pub(super) fn place(&self) -> String {
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

    /// Role, version and policy of every master, all at once; that scripts may run their commands, by the master of the state.
    pub(super) async fn examine(&self, probe: &'static Script) -> Result<(), RedisFault> {
        let mut looks = JoinSet::new();
        let of_cluster = self.settings.topology.is_cluster();
        for master in self.watcher.map().masters() {
            looks.spawn(async move { health::look(&master, of_cluster).await });
        }
        while let Some(looked) = looks.join_next().await {
            looked.map_err(|error| ended(&error))??;
        }
        let keys = [self.key(Tag::STATE, "probe"), self.key(Tag::STATE, "probe-hash"), self.key(Tag::STATE, "probe-order")];
        let (server, answer) = self.call(Tag::STATE, |_| Call::new(probe, &keys)).await?;
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
        // What broke one connection often broke the other at the same moment: then the lane that is connecting anew is the better one.
        let lane = if matches!(fault, RedisFault::Broken { .. }) { lane } else { lane + 1 };
        self.attempt(lane, tag, &make).await
    }

    async fn attempt(&self, lane: usize, tag: Tag, make: &impl Fn(u64) -> Call) -> Result<(Address, Value), RedisFault> {
        let map = self.watcher.map();
        let route = map.route(tag).ok_or_else(|| RedisFault::NoLease { found: map.found().into() })?;
        let call = make(route.epoch());
        let deadline = Instant::now() + ATTEMPT;
        // After the clock was read for the call, and last before it is sent: in this order a pause in between is harmless, because the
        // server compares the reading with its own clock.
        hold(route, &*self.clock)?;
        let answer = match route.link.send(lane, call.command(), deadline).await {
            Err(RedisFault::Refused { refusal: Refusal::NoScript, .. }) => {
                route.link.send(lane, &call.script.load(), deadline).await?;
                hold(route, &*self.clock)?;
                route.link.send(lane, call.command(), deadline).await
            }
            answer => answer,
        };
        Ok((route.link.address().clone(), answer?))
    }

    /// One script for each tag, in one batch per master, all batches at the same time.
    pub(super) async fn call_each(&self, tags: &[Tag], make: impl Fn(Tag, u64) -> Call) -> Result<Vec<(Tag, Value)>, RedisFault> {
        let map = self.watcher.map();
        let mut batches: Vec<Batch> = Vec::new();
        for tag in tags {
            let route = map.route(*tag).ok_or_else(|| RedisFault::NoLease { found: map.found().into() })?;
            let of_route = |batch: &&mut Batch| Arc::ptr_eq(&batch.route.link, &route.link) && batch.route.epoch() == route.epoch();
            match batches.iter_mut().find(of_route) {
                Some(batch) => batch.calls.push((*tag, make(*tag, route.epoch()))),
                None => batches.push(Batch { route: route.clone(), calls: vec![(*tag, make(*tag, route.epoch()))] }),
            }
        }
        let mut sent = JoinSet::new();
        for batch in batches {
            let clock = Arc::clone(&self.clock);
            sent.spawn(async move { batch.send(&*clock).await });
        }
        let mut answers = Vec::with_capacity(tags.len());
        while let Some(answered) = sent.join_next().await {
            answers.extend(answered.map_err(|error| ended(&error))??);
        }
        Ok(answers)
    }
}

/// Calls to one master, under one lease.
struct Batch {
    route: Route,
    calls: Vec<(Tag, Call)>,
}

impl Batch {
    async fn send(self, clock: &dyn Clock) -> Result<Vec<(Tag, Value)>, RedisFault> {
        let (link, deadline) = (&self.route.link, Instant::now() + 2 * ATTEMPT);
        let mut commands = Pipeline::new();
        for (_, call) in &self.calls {
            commands.add_command(call.command().clone());
        }
        hold(&self.route, clock)?;
        let mut answers = link.send_all(1, &commands, deadline).await?;
        let unknown = |answer: &Value| matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT");
        if let (true, Some((_, call))) = (answers.iter().any(unknown), self.calls.first()) {
            link.send(1, &call.script.load(), deadline).await?;
            hold(&self.route, clock)?;
            answers = link.send_all(1, &commands, deadline).await?;
        }
        let tags = self.calls.iter().map(|(tag, _)| *tag);
        let answers = tags.zip(answers).map(|(tag, answer)| answer.extract_error().map(|answer| (tag, answer)));
        answers.map(|answer| answer.map_err(|error| RedisFault::of(link.address(), &error))).collect()
    }
}

fn hold(route: &Route, clock: &dyn Clock) -> Result<(), RedisFault> {
    if route.holds(clock) { Ok(()) } else { Err(RedisFault::NoLease { found: "nobody has confirmed it lately".into() }) }
}

/// A task of ours was stopped with the runtime, or panicked.
fn ended(error: &JoinError) -> RedisFault {
    RedisFault::Ended { cause: error.to_string().into() }
}

/// One attempt of a call, from having a connection to having the answer.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);
/// How long a retry waits for another look at the topology.
const LOOK: Duration = Duration::from_millis(150);
/// How long the start waits for a confirmed master.
const PATIENCE: Duration = Duration::from_secs(8);
