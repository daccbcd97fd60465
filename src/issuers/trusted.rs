//! An issuer that is registered, with its keys.

use std::sync::Arc;

use crate::domain::{IssuerName, Timestamp};
use crate::token::{KeySet, RejectedToken, UnverifiedToken};

use super::IssuerSettings;
use super::key_cache::KeyCache;
use super::key_state::Standing;

/// A trusted issuer. Its registration never changes; a reload makes another.
pub struct TrustedIssuer {
    settings: IssuerSettings,
    pub(super) cache: Arc<KeyCache>,
}

/// Why there are no keys for a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeysError {
    /// The token is bad: the issuer has no such key, or no key could make it good.
    #[error(transparent)]
    Rejected(RejectedToken),
    /// The issuer cannot be asked, so nobody can tell: `issuer_keys_unavailable`.
    #[error("the keys of the issuer are unavailable")]
    Unavailable,
}

impl TrustedIssuer {
    pub(super) fn new(settings: IssuerSettings, cache: Arc<KeyCache>) -> Self {
        Self { settings, cache }
    }

    /// How it is registered.
    #[must_use]
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// The keys to verify this token with: a set that holds the key the token names.
    ///
    /// Waits for the network only where it must: without keys, for an unknown key (within a budget that strangers cannot exceed), and
    /// where the keys are older than their freshness and the issuer is not known to be down. No token makes us ask anybody unless it
    /// would be accepted if its signature were good.
    ///
    /// Cancelling is safe; a reading under way goes on without this request.
    pub async fn keys(&self, token: &UnverifiedToken, now: Timestamp) -> Result<Arc<KeySet>, KeysError> {
        let knows = |keys: &KeySet| keys.knows(token.key_id(), token.algorithm());
        let plausible = || token.is_plausible(&self.settings.expectations, now);
        match self.cache.standing() {
            Standing::Fresh(keys) if knows(&keys) => {
                self.cache.note_use();
                Ok(keys)
            }
            Standing::Due(keys) if knows(&keys) => {
                if plausible().is_ok() {
                    self.cache.note_use();
                    self.cache.refresh_behind();
                }
                Ok(keys)
            }
            // Verification will reject it with these keys as with any others; it says how.
            Standing::Overdue(keys) if knows(&keys) && plausible().is_err() => Ok(keys),
            Standing::Overdue(keys) if knows(&keys) => {
                self.cache.note_use();
                self.cache.refreshed(knows).await
            }
            Standing::Absent | Standing::Fresh(_) | Standing::Due(_) | Standing::Overdue(_) => {
                plausible().map_err(|why| KeysError::Rejected(shown_unsigned(why)))?;
                self.cache.note_use();
                self.cache.searched(knows).await
            }
        }
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> IssuerHealth {
        self.cache.health()
    }
}

/// What may be said of a token without a key that could have signed it: as in verification, nothing beyond its header. Anybody can write
/// such a token, and would learn from the answers what is expected of a good one.
fn shown_unsigned(why: RejectedToken) -> RejectedToken {
    match why {
        RejectedToken::AlgorithmNotAllowed | RejectedToken::TypeMismatch => why,
        _ => RejectedToken::KeyNotFound,
    }
}

/// How an issuer is doing, for `/readyz` and metrics: what is known of its keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerHealth {
    /// The issuer.
    pub name: IssuerName,
    /// When its keys were last read without error.
    pub last_success: Option<Timestamp>,
    /// Why the latest attempt failed, for an administrator; `None` when it succeeded, or when there was none yet.
    pub last_error: Option<String>,
    /// Keys that can verify tokens.
    pub usable_keys: usize,
    /// Keys that cannot; the log says why.
    pub unusable_keys: usize,
    /// Whether the key set that was read last has no usable key. The keys of the one before count for another minute.
    pub is_empty: bool,
    /// Since when keys are in use that are no longer fresh, because the issuer cannot be asked.
    pub stale_since: Option<Timestamp>,
    /// Attempts to read the keys, since the start.
    pub fetches: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How often its keys came from another origin than before, or another key stood under a name that was known. The log says which.
    pub surprises: u64,
}

impl IssuerHealth {
    /// Whether something is wrong that an administrator should look at.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.trouble().is_some()
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        let empty = if self.usable_keys == 0 {
            "the key set was read and holds no usable key, so none of its tokens can be verified"
        } else {
            "the key set that was read last holds no usable key; the keys before it are used for at most a minute more"
        };
        self.last_error.as_deref().or(self.is_empty.then_some(empty))
    }
}
