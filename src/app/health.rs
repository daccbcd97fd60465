//! Are we ready, and what is not as it should be?

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::domain::Digest256;
use crate::http::Readiness;
use crate::issuers::{IssuerHealth, Issuers};
use crate::store::StoreTrouble;

/// What can be wrong while we still answer. The words stand in `/readyz`, in the metric `cambist_degraded` and in
/// `docs/operations.md`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Trouble {
    /// A name of an issuer stands for another URL in the store by now: it was bound anew after a loss.
    Bindings,
    /// The clocks of this machine and of the store differ, or ours stepped back behind what the store remembers.
    ClockOffset,
    /// The keys of an issuer cannot be refreshed, or it has no usable one.
    IssuerKeys,
    /// The key ring cannot be followed, rotated or written back.
    KeyRing,
    /// The decision log takes no lines.
    Log,
    /// This node has not heard of revocations for so long that it issues nothing.
    Revocations,
    /// The store does not answer, is not the one that was opened, is full, or has settings that replay protection cannot live with.
    Store(StoreTrouble),
    /// The trust files were changed into something that is refused.
    Trust,
}

impl Trouble {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bindings => "issuer_rebound",
            Self::ClockOffset => "clock_offset",
            Self::IssuerKeys => "issuer_keys_unavailable",
            Self::KeyRing => "key_ring",
            Self::Log => "log_unavailable",
            Self::Revocations => "revocations_stale",
            Self::Store(trouble) => trouble.reason(),
            Self::Trust => "trust_refused",
        }
    }
}

/// The troubles there are at present.
pub(super) struct Health {
    node: String,
    draining: AtomicBool,
    troubles: Mutex<BTreeMap<Trouble, String>>,
}

impl Health {
    pub(super) fn new(node: String) -> Self {
        Self { node, draining: AtomicBool::new(false), troubles: Mutex::default() }
    }

    /// From now on, requests should go elsewhere.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Sets or clears a trouble. Whether that changes anything: then it is worth a line in the log.
    pub(super) fn set(&self, trouble: Trouble, what: Option<String>) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match what {
            Some(text) => troubles.insert(trouble, text).is_none(),
            None => troubles.remove(&trouble).is_some(),
        }
    }

    /// Whether there is that trouble.
    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&trouble)
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).keys().map(|trouble| trouble.name()).collect()
    }

    /// Whether requests should come here.
    pub(super) fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::SeqCst)
    }

    /// 503 only while draining: whatever else is wrong, the token endpoint answers for itself.
    pub(super) fn readiness(&self, trust_version: &Digest256, key_ring_version: u64, issuers: &Issuers) -> Readiness {
        let ready = self.is_ready();
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match (ready, troubles.is_empty()) {
            (false, _) => "draining",
            (true, false) => "degraded",
            (true, true) => "ready",
        };
        let notes: serde_json::Map<_, _> = troubles.iter().map(|(trouble, text)| (trouble.name().to_owned(), json!(text))).collect();
        let details = json!({
            "status": status,
            "degraded": troubles.keys().map(|trouble| trouble.name()).collect::<Vec<_>>(),
            "notes": notes,
            "node": self.node,
            "version": env!("CARGO_PKG_VERSION"),
            "trust_version": trust_version,
            "key_ring_version": key_ring_version,
            "issuers": issuers.all().iter().map(|issuer| describe(&issuer.health())).collect::<Vec<_>>(),
        });
        Readiness { ready, details }
    }
}

fn describe(health: &IssuerHealth) -> Value {
    json!({
        "name": health.name,
        "usable_keys": health.usable_keys,
        "unusable_keys": health.unusable_keys,
        "surprises": health.surprises,
        "last_success": health.last_success.map(|at| at.to_string()),
        "last_error": health.last_error,
        "stale_since": health.stale_since.map(|at| at.to_string()),
        "fetches": health.fetches,
        "failures": health.failures,
    })
}
