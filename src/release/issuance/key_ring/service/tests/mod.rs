//! The key ring over time, on both engines where it makes no difference.

mod lifecycle;
mod nodes;
mod verifiers;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::*;
use crate::domain::{IssuerName, ManualClock, SubjectToken};
use crate::release::issuance::{KeyState, PUBLISH_AHEAD, RETIRED_FOR, SIGNING_ALGORITHMS};
use crate::servers::{RedisOptions, RedisServer};
use crate::store::redis::{Address, Credentials, RedisSettings, RedisStore, Topology};
use crate::store::{OpenMode, SqliteSettings};
use crate::token::{
    Algorithm, Algorithms, Expectations, KeySet, ProvenKeys, RejectedToken, ReplayMode, Shown, SubjectRule, UnverifiedToken, verify,
};

/// One store and a directory for keys, as servers and commands see them. On the test's own thread: it blocks, as commands do.
struct Deployment {
    clock: Arc<ManualClock>,
    directory: tempfile::TempDir,
    /// SQLite when there is none.
    redis: Option<RedisServer>,
    runtime: Runtime,
}

impl Deployment {
    fn on_sqlite() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { clock, directory: tempfile::tempdir().unwrap(), redis: None, runtime }
    }

    fn on_redis() -> Self {
        let deployment = Self { redis: Some(RedisServer::start(&RedisOptions::default())), ..Self::on_sqlite() };
        drop(deployment.store(OpenMode::Init { accept_loss: false }));
        EncryptionKeys::create_if_missing(&deployment.file("first.key")).unwrap();
        deployment
    }

    fn on_both() -> [Self; 2] {
        [Self::on_sqlite(), Self::on_redis()]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn store(&self, mode: OpenMode) -> Store {
        let Some(server) = &self.redis else {
            return Store::sqlite(&SqliteSettings { path: self.file("cambist.db") }, &[super::super::SCHEMA], mode).unwrap();
        };
        let settings = RedisSettings {
            topology: Topology::Single(Address { host: "127.0.0.1".into(), port: server.port() }),
            database: 0,
            credentials: Credentials::default(),
            sentinel_credentials: Credentials::default(),
            tls: None,
            prefix: "cambist:".into(),
        };
        let clock = Arc::new(crate::domain::SystemClock::new());
        Store::Redis(self.runtime.block_on(RedisStore::open(settings, mode, clock)).unwrap())
    }

    fn settings(&self, files: &[&str]) -> KeysSettings {
        let encryption_keys = files.iter().map(|name| EncryptionKeySource::File(self.file(name))).collect();
        KeysSettings { encryption_keys, create_if_missing: self.redis.is_none(), rotate_every: Seconds(30 * 86_400) }
    }

    fn open(&self, mode: OpenMode, files: &[&str]) -> Result<Arc<Keys>, KeysError> {
        Keys::open(self.store(mode), self.settings(files), self.clock.clone()).map(Arc::new)
    }

    fn server(&self) -> Arc<Keys> {
        self.open(OpenMode::Serve, &["first.key"]).unwrap()
    }

    fn command(&self) -> Arc<Keys> {
        self.open(OpenMode::Command, &["first.key"]).unwrap()
    }

    fn refresh(&self, keys: &Arc<Keys>) -> Result<(), KeysError> {
        self.runtime.block_on(keys.refresh())
    }

    fn redis(&self) -> &RedisServer {
        self.redis.as_ref().expect("this deployment is on Redis")
    }

    /// Does to the ring and to the history of public keys what an accident would.
    fn spoil(&self, accident: Accident) {
        match &self.redis {
            Some(server) => {
                for words in accident.in_redis() {
                    server.command(&words.split(' ').collect::<Vec<_>>());
                }
            }
            None => rusqlite::Connection::open(self.file("cambist.db")).unwrap().execute_batch(accident.in_sqlite()).unwrap(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Accident {
    /// None yet: a copy of the ring is made.
    Backup,
    Vanished,
    OldBackup,
    OtherRingOfThatVersion,
}

impl Accident {
    fn in_sqlite(self) -> &'static str {
        match self {
            Self::Backup => "CREATE TABLE backup AS SELECT * FROM key_ring",
            Self::Vanished => "DELETE FROM key_ring; DELETE FROM published_key",
            Self::OldBackup => "INSERT OR REPLACE INTO key_ring SELECT * FROM backup",
            Self::OtherRingOfThatVersion => "UPDATE key_ring SET wrapped = (SELECT wrapped FROM backup)",
        }
    }

    fn in_redis(self) -> &'static [&'static str] {
        match self {
            Self::Backup => &["COPY cambist:{state}:v1:key-ring backup"],
            Self::Vanished => &["DEL cambist:{state}:v1:key-ring cambist:{state}:v1:published-keys"],
            Self::OldBackup => &["COPY backup cambist:{state}:v1:key-ring REPLACE"],
            Self::OtherRingOfThatVersion => &[OTHER_RING],
        }
    }
}

const OTHER_RING: &str = "EVAL redis.call('HSET','cambist:{state}:v1:key-ring','wrapped',redis.call('HGET','backup','wrapped')) 0";

fn kids(keys: &Keys) -> BTreeSet<Box<str>> {
    keys.describe().into_iter().map(|key| key.kid).collect()
}

fn kid(keys: &Keys, algorithm: Algorithm, wanted: fn(&KeyState) -> bool) -> Box<str> {
    keys.describe().into_iter().find(|key| key.algorithm == algorithm && wanted(&key.state)).unwrap().kid
}

fn signs(state: &KeyState) -> bool {
    matches!(state, KeyState::Current { .. })
}

fn is_next(state: &KeyState) -> bool {
    matches!(state, KeyState::Next { .. })
}

/// As `main` does; harmless when another test was first.
fn install_provider() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// A token for ourselves, and what our own verifier thinks of it with this key set.
fn accepted(ring: &KeyRing, algorithm: Algorithm, jwks: &[u8], now: Timestamp) -> Result<(), RejectedToken> {
    let (iat, exp) = (now.unix(), now.unix() + 600);
    let claims = json!({"iss": "https://sts.test", "sub": "w", "aud": "a", "iat": iat, "exp": exp}).to_string();
    let (token, _) = ring.sign(algorithm, "at+jwt", claims.as_bytes()).unwrap();
    let expected = Expectations {
        issuer: IssuerName::parse("self").unwrap(),
        replay: ReplayMode::Reusable,
        audiences: vec![crate::domain::Audience::parse("a").unwrap()],
        algorithms: Algorithms::from(SIGNING_ALGORITHMS.to_vec()),
        typ: vec!["at+jwt".into()],
        typ_required: false,
        extra_audiences: false,
        leeway: Seconds(60),
        iat_skew: Seconds(10),
        max_lifetime: Seconds(3_600),
        max_age: None,
        subject: SubjectRule::Sub,
    };
    let keys = KeySet::parse(jwks, &expected.algorithms).unwrap();
    verify(UnverifiedToken::parse(&SubjectToken::new(token))?, &keys, &expected, Shown::ByHolder(ProvenKeys::default()), now).map(drop)
}
