//! Opening the parts, one by one.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{DecisionSync, Destination, DpopNonce, Settings};
use crate::domain::Clock;
use crate::exchange::{ExchangeEdges, ExchangeService, TrustState};
use crate::issuers::{Clients, Issuers};
use crate::outbound::Outbound;
use crate::release::bindings;
use crate::release::issuance::Keys;
use crate::release::record::{self, DecisionLog, LastLine, LogEdges, LogPlace, LogSettings, SyncMode};
use crate::release::replay::{OpaqueTokens, ReplayGuard};
use crate::revocation::{RevocationSettings, Revocations, SyncError};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::token::Algorithm;
use crate::trust::{CompiledTrust, Reloader, TrustSettings};

use super::build::{Parts, StartError};
use super::observe::{self, KeptHead};
use super::store::{keys_settings, open_to_serve};

impl Parts {
    /// The conductor of the token endpoint.
    pub(super) fn conductor(&self, settings: &Settings) -> ExchangeService {
        ExchangeService::new(ExchangeEdges {
            issuer: settings.issuer.clone(),
            clock: Arc::clone(&self.clock),
            issuers: Arc::clone(&self.issuers),
            trust: Arc::clone(&self.trust),
            limits: Arc::clone(&self.limits),
            revocations: Arc::clone(&self.revocations),
            keys: Arc::clone(&self.keys),
            own: Arc::clone(&self.own),
            opaque: OpaqueTokens::new(self.store.clone()),
            nonce: settings.dpop.nonce == DpopNonce::Required,
            guard: Arc::clone(&self.guard),
            log: self.log.clone(),
            observe: observe::into_metrics(Arc::clone(&self.metrics)),
        })
    }
}

/// What a server remembers, in its store and in its log.
pub(super) struct Memory {
    pub(super) store: Store,
    pub(super) revocations: Arc<Revocations>,
    pub(super) keys: Arc<Keys>,
    pub(super) guard: Arc<ReplayGuard>,
    pub(super) kept_head: KeptHead,
    pub(super) log: DecisionLog,
}

pub(super) async fn open_memory(
    settings: &Settings,
    trust: &CompiledTrust,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<Memory, StartError> {
    let store = open_to_serve(settings).await?;
    bindings::bind(&store, &observe::names_and_ids(&trust.issuers)).await?;
    let revocations = follow_revocations(settings, &store, clock).await?;
    let keys = open_keys(settings, store.clone(), Arc::clone(clock)).await?;
    let guard = open_guard(settings, &store, clock, metrics).await?;
    let kept_head = KeptHead::new(store.clone(), &settings.decisions.node);
    let log = open_log(settings, &kept_head, &keys, clock).await?;
    Ok(Memory { store, revocations, keys, guard, kept_head, log })
}

/// Trust as it is written now; its lints go to the process log.
pub(super) fn load_trust(settings: &Settings, clock: &dyn Clock) -> Result<(Reloader, CompiledTrust), StartError> {
    let (reloader, compiled) = Reloader::start(trust_settings(settings), clock.now()).map_err(StartError::Trust)?;
    for warning in &compiled.warnings {
        tracing::warn!(trust.warning = %warning, "trust files");
    }
    Ok((reloader, compiled))
}

/// Whose keys are looked for, and where: nobody's yet.
pub(super) fn acquainted(outbound: Outbound, settings: &Settings, clock: &Arc<dyn Clock>) -> (Arc<Issuers>, Arc<Clients>) {
    let clients = Clients::new(settings.issuer.clone(), outbound.clone(), Arc::clone(clock));
    (Arc::new(Issuers::new(outbound, Arc::clone(clock))), Arc::new(clients))
}

/// The issuers are trusted, the clients known, and the rest decides.
pub(super) fn in_force(compiled: CompiledTrust, issuers: &Issuers, clients: &Clients) -> Arc<ArcSwap<TrustState>> {
    let CompiledTrust { issuers: trusted, clients: registered, policy, version, .. } = compiled;
    issuers.replace(trusted);
    clients.replace(registered);
    Arc::new(ArcSwap::from_pointee(TrustState { policy, version }))
}

/// Where trust comes from, and what it may say.
pub(crate) fn trust_settings(settings: &Settings) -> TrustSettings {
    TrustSettings {
        directory: settings.trust.directory.clone(),
        own_issuer: settings.issuer.clone(),
        loopback_issuers: !settings.listen.beyond_loopback(),
    }
}

/// The decision log stays where it is when somebody restores an older database: then it tells of a later time than the store.
fn resume_history(guard: &ReplayGuard, settings: &Settings) -> Result<(), StoreError> {
    let last = match &settings.decisions.destination {
        // What cannot be read is told when the log is opened.
        Destination::File(path) => LastLine::of(path).ok().flatten(),
        Destination::StandardOutput => None,
    };
    let seen = last.and_then(|line| line.time);
    if guard.continue_after(seen)? {
        tracing::warn!(
            store.file = %settings.store.file().unwrap_or(Path::new("")).display(), log.last = %seen.unwrap_or_default(),
            "the store is older than the decision log: restored from a backup? tokens issued before now and in the next 15 seconds are fenced"
        );
    }
    Ok(())
}

/// Every spend is counted.
async fn open_guard(
    settings: &Settings,
    store: &Store,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<ReplayGuard>, StartError> {
    let counted = Arc::clone(metrics);
    let guard = ReplayGuard::open(store, Arc::clone(clock)).await?.observed_by(move |verdict, took| counted.replay(verdict, took));
    resume_history(&guard, settings)?;
    Ok(Arc::new(guard))
}

/// Nothing may be issued before it is known what was taken back.
async fn follow_revocations(settings: &Settings, store: &Store, clock: &Arc<dyn Clock>) -> Result<Arc<Revocations>, SyncError> {
    let (node, max_stale) = (settings.decisions.node.as_str().into(), settings.revocation.max_stale);
    let revocations = Revocations::new(store.clone(), RevocationSettings { node, max_stale }, Arc::clone(clock));
    let mut known = 0;
    // What was learnt before a fault is not asked for again; a store that tells nothing new will not the next time either.
    while let Err(error) = revocations.sync().await {
        let version = revocations.vitals().version;
        if version == known {
            return Err(error);
        }
        known = version;
        tracing::warn!(error = %error, revocations.version = version, "not everything that was taken back could be read; reading on");
    }
    Ok(Arc::new(revocations))
}

/// Makes keys, when there are none: that takes a while.
async fn open_keys(settings: &Settings, store: Store, clock: Arc<dyn Clock>) -> Result<Arc<Keys>, StartError> {
    let how = keys_settings(settings)?;
    let opened = tokio::task::spawn_blocking(move || Keys::open(store, how, clock)).await;
    Ok(Arc::new(opened.map_err(|_| StoreError::Closed)??))
}

async fn open_log(settings: &Settings, kept: &KeptHead, keys: &Arc<Keys>, clock: &Arc<dyn Clock>) -> Result<DecisionLog, StartError> {
    let node = settings.decisions.node.as_str();
    let place = match &settings.decisions.destination {
        Destination::File(path) => LogPlace::File(path.clone()),
        Destination::StandardOutput => LogPlace::StandardOutput,
    };
    let sync = match settings.decisions.sync {
        DecisionSync::Always => SyncMode::Always,
        DecisionSync::Second => SyncMode::EverySecond,
    };
    let signing = Arc::clone(keys);
    let edges = LogEdges {
        clock: Arc::clone(clock),
        sign: Arc::new(move |payload| signing.ring().sign(Algorithm::Es256, record::CHECKPOINT_TYPE, payload).ok()),
        keep: kept.keeper(),
        previous: kept.load().await?,
    };
    Ok(DecisionLog::open(LogSettings { place, node: node.into(), sync }, edges)?)
}
