//! All trusted issuers.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::{Clock, IssuerId};
use crate::outbound::Outbound;
use crate::token::UnverifiedToken;

use super::key_cache::KeyCache;
use super::key_source::{Author, KeyOrigin};
use super::key_state::Standing;
use super::{IssuerSettings, TrustedIssuer};

/// The registered issuers, by the exact text of their id. Whoever is not among them causes no network access.
pub struct Issuers {
    author: Author,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    by_id: ArcSwap<HashMap<Box<str>, Arc<TrustedIssuer>>>,
}

impl Issuers {
    /// Trusts nobody yet.
    #[must_use]
    pub fn new(outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { author: Author::Issuer, outbound, clock, by_id: ArcSwap::default() }
    }

    /// The same for clients, which sign as issuers do.
    pub(super) fn of_clients(outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { author: Author::Client, ..Self::new(outbound, clock) }
    }

    /// Trusts exactly these from now on. Their ids are distinct, which the loader has checked.
    ///
    /// An issuer whose name, id, algorithms, source of keys, network and authorities stayed the same keeps its keys and its budget: a
    /// reload is no way to cause fetches. Requests that already hold an issuer finish with it. For one caller at a time.
    pub fn replace(&self, settings: Vec<IssuerSettings>) {
        self.replace_by(settings.into_iter().map(|settings| (settings.id.as_str().into(), settings)));
    }

    /// The same for those whose `iss` is not their id.
    pub(super) fn replace_by(&self, settings: impl Iterator<Item = (Box<str>, IssuerSettings)>) {
        let old = self.by_id.load();
        let issuers = settings.map(|(iss, settings)| {
            let origin = KeyOrigin::of(&settings, self.author);
            let kept = old.get(&iss).map(|issuer| &issuer.cache).filter(|cache| cache.origin == origin);
            let cache =
                kept.map_or_else(|| Arc::new(KeyCache::new(origin.clone(), self.outbound.clone(), Arc::clone(&self.clock))), Arc::clone);
            (iss, Arc::new(TrustedIssuer::new(settings, cache)))
        });
        self.by_id.store(Arc::new(issuers.collect()));
    }

    /// The issuer whose URL is exactly this `iss`.
    #[must_use]
    pub fn trusted(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        self.by_id.load().get(iss).filter(|issuer| matches!(issuer.settings().id, IssuerId::Url(_))).map(Arc::clone)
    }

    /// The issuer of this token: the one whose URL is exactly its `iss`, else the one whose trust domain is that of its `sub`.
    ///
    /// A JWT-SVID may carry the `iss` of whatever publishes its keys a second time. Unless that is registered too, it says nothing.
    #[must_use]
    pub fn of(&self, token: &UnverifiedToken) -> Option<Arc<TrustedIssuer>> {
        let by_url = token.issuer().and_then(|iss| self.trusted(iss));
        by_url.or_else(|| self.of_trust_domain(token))
    }

    /// The issuer whose trust domain is that of this token's `sub`, whatever its `iss`: for a token that is said to be a JWT-SVID.
    #[must_use]
    fn of_trust_domain(&self, token: &UnverifiedToken) -> Option<Arc<TrustedIssuer>> {
        self.by_id.load().get(token.trust_domain()?).map(Arc::clone)
    }

    /// All issuers, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<TrustedIssuer>> {
        let mut issuers: Vec<_> = self.by_id.load().values().map(Arc::clone).collect();
        issuers.sort_by(|a, b| a.settings().name.cmp(&b.settings().name));
        issuers
    }

    /// Starts reading the keys of every issuer that has none, each in a task of its own. At start and after a reload, so that the first
    /// token of an issuer need not wait. Needs a tokio runtime.
    pub fn warm(&self) {
        for issuer in self.by_id.load().values() {
            if matches!(issuer.cache.standing(), Standing::Absent) {
                issuer.cache.refresh_behind();
            }
        }
    }

    /// Keeps the keys of issuers in use fresh when no request does it, and tries again where an issuer was down. To be called every few
    /// seconds. Issuers that nobody has used for an hour are left alone, unless they are in trouble: that they are well again is seen here. Needs a
    /// tokio runtime.
    pub fn tick(&self) {
        for issuer in self.by_id.load().values() {
            if issuer.cache.is_in_use() || issuer.health().trouble().is_some() {
                issuer.cache.refresh_behind();
            }
        }
    }
}
