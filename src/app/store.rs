//! From the configuration to an open store and its keys.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{EncryptionKeys, RedisSection, RedisUser, Secret, SecretError, Settings, StoreSection};
use crate::domain::SystemClock;
use crate::release::SCHEMAS;
use crate::release::issuance::{EncryptionKeySource, KeysSettings};
use crate::revocation;
use crate::store::redis::{ClientCertificate, Credentials, ReadSecret, RedisSettings, TlsSettings};
use crate::store::{OpenMode, SqliteSettings, Store, StoreError, StoreSettings};

/// Opens the configured store with every kind of state in it.
///
/// # Errors
/// Says what to do.
pub async fn open_store(settings: &Settings, mode: OpenMode) -> Result<Store, StoreError> {
    // Leases are about this machine and the servers, whatever the time of the rest.
    let schemas = [SCHEMAS, &[revocation::SCHEMA]].concat();
    Store::open(&store_settings(&settings.store), &schemas, mode, Arc::new(SystemClock::new())).await
}

pub(super) async fn open_to_serve(settings: &Settings) -> Result<Store, StoreError> {
    let store = open_store(settings, OpenMode::Serve).await?;
    if let StoreSection::Redis(section) = &settings.store
        && !section.tls
        && !section.is_on_loopback()
    {
        tracing::warn!(
            store.place = store.place(),
            "Redis is spoken to without TLS beyond this machine: whoever listens has our password; begin [store] url with rediss://"
        );
    }
    if store.created() {
        tracing::warn!(
            store.place = store.place(),
            "a new store was made: tokens issued before its first 15 seconds have passed are fenced, and keys of an earlier store are gone"
        );
    }
    Ok(store)
}

fn store_settings(section: &StoreSection) -> StoreSettings {
    match section {
        StoreSection::Sqlite { file } => StoreSettings::Sqlite(SqliteSettings { path: file.clone() }),
        StoreSection::Redis(section) => StoreSettings::Redis(redis_settings(section)),
    }
}

fn redis_settings(section: &RedisSection) -> RedisSettings {
    let client = |(certificate, key): &(PathBuf, Secret)| ClientCertificate { certificate: certificate.clone(), key: read_secret(key) };
    RedisSettings {
        topology: section.topology.clone(),
        database: section.database,
        credentials: credentials(&section.user),
        sentinel_credentials: credentials(&section.sentinel_user),
        tls: section.tls.then(|| TlsSettings { ca_file: section.ca_file.clone(), client: section.client.as_ref().map(client) }),
        prefix: section.prefix.clone(),
    }
}

fn credentials(user: &RedisUser) -> Credentials {
    Credentials { username: user.name.clone(), password: user.password.as_ref().map(read_secret) }
}

fn read_secret(secret: &Secret) -> ReadSecret {
    let secret = secret.clone();
    ReadSecret::new(move || secret.resolve().map_err(|error| error.to_string()))
}

/// How the key ring is kept.
pub(crate) fn keys_settings(settings: &Settings) -> Result<KeysSettings, SecretError> {
    let given = |secret: &Secret| match secret {
        Secret::File(path) => Ok(EncryptionKeySource::File(path.clone())),
        Secret::Env(name) => Ok(EncryptionKeySource::Text { origin: name.as_str().into(), text: secret.resolve()? }),
    };
    let (encryption_keys, create_if_missing) = match &settings.keys.encryption_keys {
        EncryptionKeys::Own(file) => (vec![EncryptionKeySource::File(file.clone())], true),
        EncryptionKeys::Given(secrets) => (secrets.iter().map(given).collect::<Result<_, _>>()?, false),
    };
    Ok(KeysSettings { encryption_keys, create_if_missing, rotate_every: settings.keys.rotate_every })
}
