//! Building the parts, in the order in which they need each other.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::config::{DecisionSync, Destination, DpopNonce, SecretError, Settings};
use crate::document::Diagnostics;
use crate::domain::Clock;
use crate::exchange::{ExchangeEdges, ExchangeService, ProofSettings, TrustState};
use crate::http::{Answers, Tracker};
use crate::issuers::{Clients, Issuers};
use crate::limits::Limits;
use crate::outbound::{Fetch, Outbound};
use crate::release::bindings::{self, BindingError};
use crate::release::issuance::{Keys, KeysError};
use crate::release::own::OwnTokens;
use crate::release::record;
use crate::release::record::{DecisionLog, LastLine, LogEdges, LogOpenError, LogPlace, LogSettings, SyncMode};
use crate::release::replay::{self, OpaqueTokens, ReplayGuard, SpendError};
use crate::revocation::{RevocationSettings, Revocations, SyncError};
use crate::store::{OpenMode, Store, StoreError};
use crate::telemetry::Metrics;
use crate::token::Algorithm;
use crate::trust::{CompiledTrust, Reloader, TrustSettings};

use super::health::Health;
use super::observe::{self, KeptHead};
use super::store::{keys_settings, open_store, open_to_serve};
use super::upkeep::CountedFetches;

/// The two ways this program touches the world that tests control.
pub struct Edges {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The network's edge: below the checks of [`Outbound`], which no double can skip.
    pub fetch: Arc<dyn Fetch>,
}

/// Every part of a server, connected, and not yet reachable.
pub struct App {
    pub(super) answers: Answers,
    /// Whether changed trust waits because a name in it stands for another URL.
    pub(super) bindings_refused: AtomicBool,
    pub(super) clients: Arc<Clients>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counted_fetches: CountedFetches,
    pub(super) guard: Arc<ReplayGuard>,
    pub(super) health: Arc<Health>,
    pub(super) issuers: Arc<Issuers>,
    pub(super) kept_head: KeptHead,
    pub(super) keys: Arc<Keys>,
    pub(super) limits: Arc<Limits>,
    pub(super) log: DecisionLog,
    pub(super) metrics: Arc<Metrics>,
    pub(super) own: Arc<OwnTokens>,
    pub(super) reloader: Mutex<Reloader>,
    pub(super) revocations: Arc<Revocations>,
    /// Held from looking at the files until what they say is in force.
    pub(super) reloading: tokio::sync::Mutex<()>,
    pub(super) service: Arc<ExchangeService>,
    pub(super) store: Store,
    pub(super) tracker: Tracker,
    pub(super) trust: Arc<ArcSwap<TrustState>>,
    pub(super) settings: Settings,
}

/// Why a server does not start. For the administrator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An issuer name stands for another URL.
    #[error("{0}")]
    Binding(#[from] BindingError),
    /// A key that wraps the key ring cannot be had.
    #[error("{0}")]
    EncryptionKey(#[from] SecretError),
    /// The replay guard cannot work with its store.
    #[error("{0}")]
    Guard(#[from] SpendError),
    /// The key ring cannot be opened.
    #[error("{0}")]
    Keys(#[from] KeysError),
    /// The decision log cannot be opened.
    #[error("{0}")]
    Log(#[from] LogOpenError),
    /// What was taken back cannot be read.
    #[error("{0}")]
    Revocations(#[from] SyncError),
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The trust files have errors.
    #[error("the trust files have errors:\n{}", .0.sorted().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Trust(Diagnostics),
}

impl App {
    /// Builds everything. Blocks on the disk: for start-up. Listens nowhere, and does nothing by itself yet.
    ///
    /// # Errors
    /// The first part that cannot be had; nothing is left running.
    pub async fn build(settings: Settings, edges: Edges) -> Result<Arc<Self>, StartError> {
        let Edges { clock, fetch } = edges;
        let (reloader, compiled) = load_trust(&settings, &*clock)?;
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
        let Memory { store, revocations, keys, guard, kept_head, log } = open_memory(&settings, &compiled, &clock, &metrics).await?;
        let (issuers, clients) = acquainted(Outbound::new(fetch), &settings, &clock);
        let own = Arc::new(OwnTokens::new(settings.issuer.clone(), Arc::clone(&keys)));
        let limits = Arc::new(Limits::new(&settings.limits, &clock));
        metrics.set_trust(&compiled.version.to_string());
        let trust = in_force(compiled, &issuers, &clients);
        let app = Self {
            answers: Answers::new(&settings.issuer),
            bindings_refused: AtomicBool::new(false),
            counted_fetches: CountedFetches::default(),
            health: Arc::new(Health::new(settings.decisions.node.clone())),
            reloader: Mutex::new(reloader),
            reloading: tokio::sync::Mutex::default(),
            revocations: Arc::clone(&revocations),
            service: Arc::new(ExchangeService::new(ExchangeEdges {
                issuer: settings.issuer.clone(),
                clock: Arc::clone(&clock),
                issuers: Arc::clone(&issuers),
                trust: Arc::clone(&trust),
                limits: Arc::clone(&limits),
                revocations,
                keys: Arc::clone(&keys),
                own: Arc::clone(&own),
                opaque: OpaqueTokens::new(store.clone()),
                proofs: proof_settings(&settings),
                guard: Arc::clone(&guard),
                log: log.clone(),
                observe: observe::into_metrics(Arc::clone(&metrics)),
            })),
            tracker: Tracker::new(settings.listen.max_in_flight),
            clients,
            clock,
            guard,
            issuers,
            kept_head,
            keys,
            limits,
            log,
            metrics,
            own,
            settings,
            store,
            trust,
        };
        Ok(Arc::new(app))
    }

    /// Makes a new store, as of the instant that `clock` says: its fence refuses tokens from before.
    ///
    /// # Errors
    /// When there is a store already, or none can be made.
    pub async fn prepare_store(settings: &Settings, clock: Arc<dyn Clock>) -> Result<(), StartError> {
        let store = open_store(settings, OpenMode::Init { accept_loss: false }).await?;
        Ok(replay::cut_off(&store, clock).await?)
    }
}

/// What a server remembers, in its store and in its log.
struct Memory {
    store: Store,
    revocations: Arc<Revocations>,
    keys: Arc<Keys>,
    guard: Arc<ReplayGuard>,
    kept_head: KeptHead,
    log: DecisionLog,
}

async fn open_memory(
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
fn load_trust(settings: &Settings, clock: &dyn Clock) -> Result<(Reloader, CompiledTrust), StartError> {
    let (reloader, compiled) = Reloader::start(trust_settings(settings), clock.now()).map_err(StartError::Trust)?;
    for warning in &compiled.warnings {
        tracing::warn!(trust.warning = %warning, "trust files");
    }
    Ok((reloader, compiled))
}

/// Whose keys are looked for, and where: nobody's yet.
fn acquainted(outbound: Outbound, settings: &Settings, clock: &Arc<dyn Clock>) -> (Arc<Issuers>, Arc<Clients>) {
    let clients = Clients::new(settings.issuer.clone(), outbound.clone(), Arc::clone(clock));
    (Arc::new(Issuers::new(outbound, Arc::clone(clock))), Arc::new(clients))
}

/// The issuers are trusted, the clients known, and the rest decides.
fn in_force(compiled: CompiledTrust, issuers: &Issuers, clients: &Clients) -> Arc<ArcSwap<TrustState>> {
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

fn proof_settings(settings: &Settings) -> ProofSettings {
    ProofSettings { url: settings.issuer.join("/token").into(), nonce: settings.dpop.nonce == DpopNonce::Required }
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
    revocations.sync().await?;
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
