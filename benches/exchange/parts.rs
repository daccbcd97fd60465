//! The parts of a server, without the server.

use std::sync::Arc;

use anyhow::anyhow;
use cambist::app::open_store;
use cambist::config::{EncryptionKeys, Secret};
use cambist::domain::{Clock, IssuerUrl, SystemClock};
use cambist::issuers::Issuers;
use cambist::outbound::{HttpFetch, Outbound};
use cambist::policy::TrustPolicy;
use cambist::release::issuance::{EncryptionKeySource, Keys, KeysSettings};
use cambist::release::record::{DecisionLog, LogEdges, LogPlace, LogSettings, SyncMode};
use cambist::release::replay::ReplayGuard;
use cambist::revocation::Revocations;
use cambist::store::OpenMode;
use cambist::telemetry::Metrics;
use cambist::trust::{TrustSettings, load};
use tokio::runtime::Runtime;

use crate::site::Site;

pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) guard: Arc<ReplayGuard>,
    pub(crate) issuer: IssuerUrl,
    pub(crate) issuers: Issuers,
    pub(crate) keys: Arc<Keys>,
    pub(crate) log: DecisionLog,
    pub(crate) metrics: Metrics,
    pub(crate) policy: TrustPolicy,
    pub(crate) revocations: Revocations,
    /// Dropped last.
    pub(crate) runtime: Runtime,
    _site: Site,
}

impl Parts {
    /// As the configuration of the site says. No server may run on the site.
    pub(crate) fn of(site: Site) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let settings = site.settings()?;
        let issuer = settings.issuer.clone();
        let trust = TrustSettings { directory: settings.trust.directory.clone(), own_issuer: issuer.clone(), loopback_issuers: true };
        let trust = load(&trust, clock.now()).map_err(|_| anyhow!("the trust files are refused"))?;
        let store = runtime.block_on(open_store(&settings, OpenMode::Serve))?;
        let (file, create_if_missing) = match settings.keys.encryption_keys {
            EncryptionKeys::Own(file) => (file, true),
            EncryptionKeys::Given(secrets) => match secrets.into_iter().next() {
                Some(Secret::File(file)) => (file, false),
                _ => return Err(anyhow!("a key in a file")),
            },
        };
        let rotate_every = settings.keys.rotate_every;
        let keys = KeysSettings { encryption_keys: vec![EncryptionKeySource::File(file)], create_if_missing, rotate_every };
        let keys = Arc::new(Keys::open(store.clone(), keys, Arc::clone(&clock))?);
        let guard = Arc::new(runtime.block_on(ReplayGuard::open(&store, Arc::clone(&clock)))?);
        let settings =
            LogSettings { place: LogPlace::File(site.path("decisions.jsonl")), node: "bench".into(), sync: SyncMode::EverySecond };
        let edges = LogEdges { clock: Arc::clone(&clock), sign: Arc::new(|_| None), keep: Arc::new(|_| {}), previous: None };
        let log = DecisionLog::open(settings, edges)?;
        let issuers = Issuers::new(Outbound::new(Arc::new(HttpFetch::new())), Arc::clone(&clock));
        issuers.replace(trust.issuers);
        let metrics = Metrics::new("bench");
        let revocations = Revocations::without_rules(Arc::clone(&clock));
        Ok(Self { clock, guard, issuer, issuers, keys, log, metrics, policy: trust.policy, revocations, runtime, _site: site })
    }
}
