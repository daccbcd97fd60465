//! An issuer to trust: its keys, its tokens, its server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use crate::domain::{Audience, Clock as _, IssuerId, IssuerName, IssuerUrl, ManualClock, Seconds, SubjectToken, Timestamp};
use crate::outbound::tests::server::{Answer, TestServer};
use crate::outbound::{HttpFetch, Network, Outbound};
use crate::token::{Algorithm, Expectations, KeySet, ProvenKeys, ReplayMode, Shown, SubjectRule, UnverifiedToken, verify};

use super::super::{IssuerHealth, IssuerSettings, Issuers, KeySource, KeysError};

pub(super) const AUDIENCE: &str = "https://sts.example.com";

/// A signing key of an issuer.
pub(super) struct Key {
    pub(super) id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    pub(super) fn new(id: &'static str) -> Self {
        Self { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "x": part(1..33), "y": part(33..65) })
    }

    pub(super) fn sign(&self, claims: &Value) -> UnverifiedToken {
        let header = json!({ "alg": "ES256", "kid": self.id });
        let input = [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        UnverifiedToken::parse(&SubjectToken::new(token)).unwrap()
    }
}

pub(super) fn jwks(keys: &[&Key]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

/// What the server answers at `/keys`; the discovery document is always right.
#[derive(Clone)]
pub(super) struct Published(Arc<Mutex<Answer>>);

impl Published {
    pub(super) fn put(&self, answer: Answer) {
        *self.0.lock().unwrap() = answer;
    }

    pub(super) fn keys(&self, keys: &[&Key]) {
        self.put(Answer::ok(jwks(keys)));
    }

    /// Every answer waits until the returned gate is opened with a permit, or closed.
    pub(super) fn gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.0.lock().unwrap().gate = Some(Arc::clone(&gate));
        gate
    }
}

/// An issuer on loopback, registered at `issuers`.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) issuers: Arc<Issuers>,
    pub(super) server: TestServer,
    pub(super) published: Published,
    pub(super) url: IssuerUrl,
}

impl World {
    /// Publishes these keys, by discovery. Nothing is fetched yet.
    pub(super) async fn publishing(keys: &[&Key]) -> Self {
        let published = Published(Arc::new(Mutex::new(Answer::ok(jwks(keys)))));
        let own_url = Arc::new(Mutex::new(String::new()));
        let (answers, url) = (published.clone(), Arc::clone(&own_url));
        let server = TestServer::http(move |path| {
            let url = url.lock().unwrap().clone();
            let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
            if path == "/keys" { answers.0.lock().unwrap().clone() } else { Answer::ok(discovery.to_string()) }
        })
        .await;
        *own_url.lock().unwrap() = server.url("");
        let url = IssuerUrl::parse(&server.url("")).unwrap();
        let (clock, issuers) = new_issuers();
        issuers.replace(vec![settings("main", url.as_str(), KeySource::Discovery { token_file: None })]);
        Self { clock, issuers, server, published, url }
    }

    /// Reads the keys as at start, which costs strangers nothing.
    pub(super) async fn warm(&self) {
        self.issuers.warm();
        self.settled(1).await;
    }

    /// A token that is in order now.
    pub(super) fn token(&self, key: &Key) -> UnverifiedToken {
        key.sign(&claims(self.url.as_str(), self.clock.now()))
    }

    pub(super) async fn keys(&self, token: &UnverifiedToken) -> Result<Arc<KeySet>, KeysError> {
        self.issuers.trusted(self.url.as_str()).unwrap().keys(token, self.clock.now()).await
    }

    /// Whether a fresh token of that key gets keys, and verifies with them.
    pub(super) async fn accepts(&self, key: &Key) -> Result<(), KeysError> {
        let token = self.token(key);
        let keys = self.keys(&token).await?;
        let issuer = self.issuers.trusted(self.url.as_str()).unwrap();
        verify(token, &keys, &issuer.settings().expectations, Shown::ByHolder(ProvenKeys::default()), self.clock.now())
            .map(drop)
            .map_err(KeysError::Rejected)
    }

    pub(super) fn health(&self) -> IssuerHealth {
        self.issuers.trusted(self.url.as_str()).unwrap().health()
    }

    /// How often the keys were fetched.
    pub(super) fn fetched(&self) -> usize {
        self.server.count("/keys")
    }

    /// Waits for a reading in the background: until this many have ended.
    pub(super) async fn settled(&self, fetches: u64) {
        eventually(|| self.health().fetches == fetches && !self.is_reading()).await;
    }

    /// How many requests wait for the keys.
    pub(super) fn waiting(&self) -> usize {
        self.issuers.trusted(self.url.as_str()).unwrap().cache.waiting()
    }

    pub(super) fn is_reading(&self) -> bool {
        self.issuers.trusted(self.url.as_str()).unwrap().cache.is_reading()
    }
}

pub(super) fn new_issuers() -> (Arc<ManualClock>, Arc<Issuers>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
    let issuers = Arc::new(Issuers::new(Outbound::new(Arc::new(HttpFetch::new())), clock.clone()));
    (clock, issuers)
}

pub(super) fn settings(name: &str, url: &str, keys: KeySource) -> IssuerSettings {
    let name = IssuerName::parse(name).unwrap();
    IssuerSettings {
        name: name.clone(),
        id: IssuerId::Url(IssuerUrl::parse(url).unwrap()),
        owner: "platform@example.com".to_owned(),
        expectations: Expectations {
            issuer: name,
            replay: ReplayMode::Once,
            audiences: vec![Audience::parse(AUDIENCE).unwrap()],
            algorithms: vec![Algorithm::Es256].into(),
            typ: Vec::new(),
            typ_required: false,
            extra_audiences: false,
            leeway: Seconds(60),
            iat_skew: Seconds(10),
            max_lifetime: Seconds(3_600),
            max_age: None,
            subject: SubjectRule::Sub,
        },
        keys,
        network: Network::Loopback,
        ca_file: None,
        recorded: [].into(),
    }
}

pub(super) fn jwks_uri(url: &str) -> KeySource {
    KeySource::JwksUri(Url::parse(url).unwrap())
}

pub(super) fn claims(iss: &str, now: Timestamp) -> Value {
    json!({ "iss": iss, "aud": AUDIENCE, "sub": "workload", "iat": now.unix(), "exp": now.unix() + 300 })
}

/// Waits for something that happens in the background.
pub(super) async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to be");
}
