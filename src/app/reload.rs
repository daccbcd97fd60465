//! Changed trust files, looked at and put in force or refused as a whole.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::document::Diagnostics;
use crate::domain::RelationshipName;
use crate::exchange::TrustState;
use crate::release::bindings::{self, BindingError};
use crate::trust::{CompiledTrust, ReloadOutcome};

use super::build::App;
use super::health::Trouble;
use super::observe::names_and_ids;

impl App {
    /// Every two seconds, and at once with `force`: looks whether the trust files changed. A broken change is refused whole.
    pub async fn reload_trust(self: &Arc<Self>, force: bool) {
        // From looking to being in force: a slower reload must not put older trust over newer.
        let _turn = self.reloading.lock().await;
        let app = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            let mut reloader = app.reloader.lock().unwrap_or_else(PoisonError::into_inner);
            let now = app.parts.clock.now();
            let outcome = if force { reloader.force(now) } else { reloader.poll(now) };
            (outcome, reloader.is_refused())
        });
        match looked.await {
            Ok((ReloadOutcome::Unchanged, refused)) => {
                if !refused && !self.bindings_refused() {
                    self.note(Trouble::Trust, None);
                }
            }
            Ok((ReloadOutcome::Changed { trust, removed }, _)) => self.put_in_force(*trust, removed).await,
            Ok((ReloadOutcome::Refused(diagnostics), _)) => self.refuse_trust(&diagnostics),
            Err(_) => tracing::error!("looking at the trust files panicked; the old trust stays in force"),
        }
    }

    /// SIGHUP: the decision log was moved away, or trust should be looked at now.
    pub async fn hang_up(self: &Arc<Self>) {
        if self.parts.log.reopen().await.is_err() {
            tracing::error!("the decision log could not be opened again");
        }
        self.reload_trust(true).await;
    }

    async fn put_in_force(self: &Arc<Self>, trust: CompiledTrust, removed: Vec<RelationshipName>) {
        if let Err(error) = bindings::bind(&self.parts.store, &names_and_ids(&trust.issuers)).await {
            // A store that does not answer now may answer the next time.
            let retry = matches!(error, BindingError::Unavailable(_));
            if !self.bindings_refused.swap(true, Ordering::SeqCst) {
                tracing::error!(reason = error.reason(), error = %error, retry, "changed trust is not in force; the old trust stays");
                self.parts.metrics.trust_reload("refused");
            }
            self.reloader.lock().unwrap_or_else(PoisonError::into_inner).not_in_force(removed, retry);
            self.note(Trouble::Trust, Some(error.to_string()));
            return;
        }
        self.bindings_refused.store(false, Ordering::SeqCst);
        for warning in &trust.warnings {
            tracing::warn!(trust.warning = %warning, "trust files");
        }
        let known: Vec<_> = trust.issuers.iter().map(|issuer| issuer.name.clone()).collect();
        for gone in self.parts.issuers.all().iter().map(|issuer| &issuer.settings().name).filter(|name| !known.contains(name)) {
            self.parts.metrics.forget_issuer(gone);
        }
        let version = trust.version;
        // Both at once for whoever asks: relationships of an unknown issuer, and issuers without relationships, permit nothing.
        self.parts.trust.store(Arc::new(TrustState { policy: trust.policy, version }));
        self.parts.issuers.replace(trust.issuers);
        self.parts.issuers.warm();
        self.parts.clients.replace(trust.clients);
        self.parts.clients.warm();
        self.parts.metrics.set_trust(&version.to_string());
        self.parts.metrics.trust_reload("changed");
        self.note(Trouble::Trust, None);
        tracing::info!(trust.version = %version, "changed trust is in force");
        for name in removed {
            tracing::warn!(relationship = %name, "relationship removed: nothing is issued by it any more; tokens it permitted live on until they expire");
        }
    }

    fn refuse_trust(&self, diagnostics: &Diagnostics) {
        let errors = diagnostics.sorted();
        for error in &errors {
            tracing::error!(trust.error = %error, "changed trust refused; the old trust stays in force");
        }
        self.parts.metrics.trust_reload("refused");
        self.note(Trouble::Trust, Some(errors.first().map(ToString::to_string).unwrap_or_default()));
    }

    fn bindings_refused(&self) -> bool {
        self.bindings_refused.load(Ordering::SeqCst)
    }
}
