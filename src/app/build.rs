//! Building the parts, in the order in which they need each other.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::config::{SecretError, Settings};
use crate::document::Diagnostics;
use crate::domain::Clock;
use crate::exchange::{ExchangeService, TrustState};
use crate::http::{Answers, Tracker};
use crate::issuers::{Clients, Issuers};
use crate::limits::Limits;
use crate::outbound::{Fetch, Outbound};
use crate::release::bindings::BindingError;
use crate::release::issuance::{Keys, KeysError};
use crate::release::own::OwnTokens;
use crate::release::record::{DecisionLog, LogOpenError};
use crate::release::replay::{self, ReplayGuard, SpendError};
use crate::revocation::{self, Revocations, SyncError};
use crate::store::{OpenMode, Store, StoreError};
use crate::telemetry::Metrics;
use crate::trust::Reloader;

use super::health::Health;
use super::observe::KeptHead;
use super::parts::{Memory, acquainted, in_force, load_trust, open_memory};
use super::store::open_store;
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
    pub(super) counted_fetches: CountedFetches,
    pub(super) health: Arc<Health>,
    pub(super) kept_head: KeptHead,
    pub(super) parts: Parts,
    pub(super) reloader: Mutex<Reloader>,
    /// Held from looking at the files until what they say is in force.
    pub(super) reloading: tokio::sync::Mutex<()>,
    pub(super) service: Arc<ExchangeService>,
    pub(super) tracker: Tracker,
    pub(super) settings: Settings,
}

/// What is shared by the services: the conductor, the endpoints for those who ask about tokens, and the loops that keep all of it current.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) clients: Arc<Clients>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) guard: Arc<ReplayGuard>,
    pub(super) issuers: Arc<Issuers>,
    pub(super) keys: Arc<Keys>,
    pub(super) limits: Arc<Limits>,
    pub(super) log: DecisionLog,
    pub(super) metrics: Arc<Metrics>,
    pub(super) own: Arc<OwnTokens>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) store: Store,
    pub(super) trust: Arc<ArcSwap<TrustState>>,
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
        let proxied = !settings.listen.public.behind_proxy.is_empty();
        let limits = if proxied { settings.limits.behind_proxies() } else { settings.limits };
        let limits = Arc::new(Limits::new(&limits, &clock));
        metrics.set_trust(&compiled.version.to_string());
        let trust = in_force(compiled, &issuers, &clients);
        let parts = Parts { clients, clock, guard, issuers, keys, limits, log, metrics, own, revocations, store, trust };
        let service = Arc::new(parts.conductor(&settings));
        Ok(Arc::new(Self {
            answers: Answers::new(&settings.issuer),
            bindings_refused: AtomicBool::new(false),
            counted_fetches: CountedFetches::default(),
            health: Arc::new(Health::new(settings.decisions.node.clone())),
            kept_head,
            parts,
            reloader: Mutex::new(reloader),
            reloading: tokio::sync::Mutex::default(),
            service,
            tracker: Tracker::new(settings.listen.max_in_flight),
            settings,
        }))
    }

    /// Makes a new store, as of the instant that `clock` says: its fence refuses tokens from before.
    ///
    /// # Errors
    /// When there is a store already, or none can be made.
    pub async fn prepare_store(settings: &Settings, clock: Arc<dyn Clock>) -> Result<(), StartError> {
        let store = open_store(settings, OpenMode::Init { accept_loss: false }).await?;
        if store.created() {
            revocation::begin(&store).await?;
        }
        Ok(replay::cut_off(&store, clock).await?)
    }
}
