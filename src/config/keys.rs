//! `[keys]`: our signing keys.

use std::path::PathBuf;

use crate::document::{Kind, Table};
use crate::domain::{InvalidSeconds, Seconds};

use super::store::StoreSection;
use super::value::Folder;
use super::value::Secret;

/// How signing keys are rotated, and what wraps them at rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeysSection {
    /// Age at which the next key takes over; one hour to a year.
    pub rotate_every: Seconds,
    /// What wraps private keys in the store.
    pub encryption_keys: EncryptionKeys,
}

/// The keys that wrap private keys in the store: 32 bytes each, base64url without padding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EncryptionKeys {
    /// One file of ours beside the database, made with mode 0600 when database and file are both new. Only with SQLite.
    Own(PathBuf),
    /// The administrator's: the first wraps, all unwrap. Never made by us, and empty only in a configuration with errors.
    Given(Vec<Secret>),
}

impl EncryptionKeys {
    fn beside(store: &StoreSection) -> Self {
        store.folder().map_or_else(|| Self::Given(Vec::new()), |folder| Self::Own(folder.join("encryption.key")))
    }
}

impl KeysSection {
    pub(super) fn default_beside(store: &StoreSection) -> Self {
        Self { rotate_every: ROTATE_EVERY, encryption_keys: EncryptionKeys::beside(store) }
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>, store: &StoreSection) -> Self {
        let mut keys = Self::default_beside(store);
        if let Some(value) = table.value("rotate_every") {
            match value.kind() {
                Kind::Text(_) => keys.rotate_every = value.parse(rotation).map_or(ROTATE_EVERY, |age| age.value),
                _ => value.error(InvalidSeconds),
            }
        }
        if let Some(value) = table.value("encryption_keys") {
            match value.kind() {
                Kind::List(items) if !items.is_empty() => {
                    keys.encryption_keys = EncryptionKeys::Given(items.iter().filter_map(|item| Secret::read(item, folder)).collect());
                }
                _ => value.error(
                    "expected at least one reference: [{ file = \"…\" }]; with SQLite, without this field, the key is made beside it",
                ),
            }
        } else if store.folder().is_none() {
            table.error(MISSING);
        }
        table.finish();
        keys
    }
}

fn rotation(text: &str) -> Result<Seconds, String> {
    let age = Seconds::parse(text).map_err(|error| error.to_string())?;
    if age < SHORTEST {
        return Err("keys cannot rotate more often than every hour (`1h`): verifiers must see the next key before it signs".into());
    }
    if age > LONGEST {
        return Err("a key must not sign for longer than a year (`365d`)".into());
    }
    Ok(age)
}

/// Every node must unwrap what any of them wrapped, so none can make the key by itself.
pub(super) const MISSING: &str = "`encryption_keys` is missing: nodes that share a Redis need a key that all of them know, [keys] encryption_keys = [{ file = \"…\" }]; \
     make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='";

const ROTATE_EVERY: Seconds = Seconds(30 * 86_400);
/// The next key is published for three times the JWKS max-age before it signs; an hour leaves room for that.
const SHORTEST: Seconds = Seconds(3_600);
const LONGEST: Seconds = Seconds(365 * 86_400);
