//! From what happened to what metrics say.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{IssuerId, IssuerName};
use crate::exchange::{GrantType, Observed};
use crate::issuers::IssuerSettings;
use crate::release::record::{Head, HeadKeeper, load_head, save_head};
use crate::store::{Store, StoreError};
use crate::telemetry::{Exchange, Metrics};

/// Counts every exchange.
pub(super) fn into_metrics(metrics: Arc<Metrics>) -> Box<dyn Fn(&Observed<'_>) + Send + Sync> {
    Box::new(move |observed| {
        metrics.exchange(&Exchange {
            issuer: observed.issuer,
            target: observed.target,
            outcome: observed.outcome,
            reason: observed.reason,
            grant: observed.grant.map_or("", GrantType::name),
            took: observed.latency,
        });
    })
}

/// The names and ids that must be bound before these issuers are trusted.
pub(super) fn names_and_ids(issuers: &[IssuerSettings]) -> Vec<(IssuerName, IssuerId)> {
    issuers.iter().map(|issuer| (issuer.name.clone(), issuer.id.clone())).collect()
}

/// The newest head of the decision log: kept here at once, and in the store as soon as that answers.
#[derive(Clone)]
pub(super) struct KeptHead {
    store: Store,
    node: Arc<str>,
    newest: Arc<Mutex<Option<Head>>>,
}

impl KeptHead {
    pub(super) fn new(store: Store, node: &str) -> Self {
        Self { store, node: node.into(), newest: Arc::default() }
    }

    /// The head that the store knows.
    pub(super) async fn load(&self) -> Result<Option<Head>, StoreError> {
        load_head(&self.store, &self.node).await
    }

    /// For the thread of the log, which must not wait for the disk of the store. Call it inside the runtime.
    pub(super) fn keeper(&self) -> HeadKeeper {
        let (kept, runtime) = (self.clone(), tokio::runtime::Handle::current());
        Arc::new(move |head| {
            *kept.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
            let kept = kept.clone();
            runtime.spawn(async move { kept.save_or_tell().await });
        })
    }

    /// Brings the newest head to the store.
    pub(super) async fn save(&self) -> Result<(), StoreError> {
        let newest = *self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match newest {
            Some(head) => save_head(&self.store, &self.node, head).await,
            None => Ok(()),
        }
    }

    /// The same, with a line in the process log for a failure: the next checkpoint tries again.
    pub(super) async fn save_or_tell(&self) {
        if let Err(error) = self.save().await {
            tracing::warn!(error = %error, "the head of the decision log was not kept");
        }
    }
}
