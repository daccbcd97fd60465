//! All trusted issuers.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::Clock;
use crate::outbound::Outbound;

use super::key_cache::KeyCache;
use super::key_source::KeyOrigin;
use super::key_state::Standing;
use super::{IssuerSettings, TrustedIssuer};

/// The registered issuers, by the exact text of their URL. Whoever is not among them causes no network access.
pub struct Issuers {
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    by_url: ArcSwap<HashMap<Box<str>, Arc<TrustedIssuer>>>,
}

impl Issuers {
    /// Trusts nobody yet.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { outbound, clock, by_url: ArcSwap::default() }
    }

    /// Trusts exactly these from now on. URLs are distinct, which the loader has checked.
    ///
    /// An issuer whose name, URL, algorithms, source of keys, network and authorities stayed the same keeps its keys and its budget: a
    /// reload is no way to cause fetches. Requests that already hold an issuer finish with it. For one caller at a time.
    pub fn replace(&self, settings: Vec<IssuerSettings>) {
        self.replace_by(settings.into_iter().map(|settings| (settings.url.as_str().into(), settings)));
    }

    /// The same for those whose `iss` is not their URL.
    pub(super) fn replace_by(&self, settings: impl Iterator<Item = (Box<str>, IssuerSettings)>) {
        let old = self.by_url.load();
        let issuers = settings.map(|(iss, settings)| {
            let origin = KeyOrigin::of(&settings);
            let kept = old.get(&iss).map(|issuer| &issuer.cache).filter(|cache| cache.origin == origin);
            let cache =
                kept.map_or_else(|| Arc::new(KeyCache::new(origin.clone(), self.outbound.clone(), Arc::clone(&self.clock))), Arc::clone);
            (iss, Arc::new(TrustedIssuer::new(settings, cache)))
        });
        self.by_url.store(Arc::new(issuers.collect()));
    }

    /// The issuer whose URL is exactly this `iss`.
    #[must_use]
    pub fn trusted(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        self.by_url.load().get(iss).map(Arc::clone)
    }

    /// All issuers, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<TrustedIssuer>> {
        let mut issuers: Vec<_> = self.by_url.load().values().map(Arc::clone).collect();
        issuers.sort_by(|a, b| a.settings().name.cmp(&b.settings().name));
        issuers
    }

    /// Starts reading the keys of every issuer that has none, each in a task of its own. At start and after a reload, so that the first
    /// token of an issuer need not wait. Needs a tokio runtime.
    pub fn warm(&self) {
        for issuer in self.by_url.load().values() {
            if matches!(issuer.cache.standing(), Standing::Absent) {
                issuer.cache.refresh_behind();
            }
        }
    }

    /// Keeps the keys of issuers in use fresh when no request does it, and tries again where an issuer was down. To be called every few
    /// seconds. Issuers that nobody has used for an hour are left alone. Needs a tokio runtime.
    pub fn tick(&self) {
        for issuer in self.by_url.load().values() {
            if issuer.cache.is_in_use() {
                issuer.cache.refresh_behind();
            }
        }
    }
}
