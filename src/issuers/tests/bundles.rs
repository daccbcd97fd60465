//! Trust domains: how their tokens are told, where their bundles come from, and for how long.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::domain::{Clock as _, IssuerId, ManualClock, Seconds, TrustDomain};
use crate::outbound::tests::server::{Answer, TestServer};
use crate::token::{RejectedToken, SubjectRule, UnverifiedToken};

use super::super::{IssuerSettings, Issuers, KeySource, KeysError};
use super::support::{AUDIENCE, Key, jwks_uri, new_issuers, settings};

fn trust_domain(name: &str, domain: &str, keys: KeySource) -> IssuerSettings {
    let domain = TrustDomain::parse(domain).unwrap();
    let mut settings = settings(name, "https://unused.example", keys);
    settings.expectations.subject = SubjectRule::SpiffeId(domain.clone());
    IssuerSettings { id: IssuerId::TrustDomain(domain), ..settings }
}

fn bundle(keys: &[&Key], hint: &Value) -> String {
    let svid = |key: &&Key| {
        let mut jwk = key.jwk();
        jwk["use"] = json!("jwt-svid");
        jwk
    };
    json!({ "keys": keys.iter().map(svid).collect::<Vec<_>>(), "spiffe_sequence": 7, "spiffe_refresh_hint": hint }).to_string()
}

fn svid(key: &Key, clock: &ManualClock) -> UnverifiedToken {
    let now = clock.now().unix();
    key.sign(&json!({ "aud": AUDIENCE, "sub": "spiffe://acme.example/x", "iat": now, "exp": now + 300 }))
}

struct Mesh {
    clock: Arc<ManualClock>,
    issuers: Arc<Issuers>,
}

impl Mesh {
    fn of(keys: KeySource) -> Self {
        let (clock, issuers) = new_issuers();
        issuers.replace(vec![trust_domain("mesh", "acme.example", keys)]);
        Self { clock, issuers }
    }

    async fn accepts(&self, key: &Key) -> Result<(), KeysError> {
        let token = svid(key, &self.clock);
        self.issuers.of(&token).unwrap().keys(&token, self.clock.now()).await.map(drop)
    }

    fn error(&self) -> String {
        self.issuers.all()[0].health().last_error.unwrap()
    }
}

#[tokio::test]
async fn the_issuer_of_a_token_is_told_by_iss_first_and_by_the_trust_domain_then() {
    let (_, issuers) = new_issuers();
    let file = || KeySource::JwksFile("keys.json".into());
    issuers.replace(vec![
        settings("a", "https://a.example", file()),
        trust_domain("mesh", "acme.example", file()),
        trust_domain("other-mesh", "acme.example.test", file()),
    ]);
    let key = Key::new("k");
    for (claims, expected, why) in [
        (json!({ "iss": "https://a.example", "sub": "x" }), Some("a"), "by `iss`"),
        (json!({ "iss": "https://a.example", "sub": "spiffe://acme.example/x" }), Some("a"), "by `iss`, whatever `sub` is"),
        (json!({ "sub": "spiffe://acme.example/x" }), Some("mesh"), "by the trust domain"),
        (json!({ "sub": "spiffe://acme.example" }), Some("mesh"), "the trust domain alone"),
        (json!({ "sub": "spiffe://acme.example.test/x" }), Some("other-mesh"), "by all of the trust domain"),
        (json!({ "sub": "spiffe://acme.exampl/x" }), None, "and by no part of it"),
        (json!({ "iss": "https://b.example", "sub": "spiffe://acme.example/x" }), Some("mesh"), "an `iss` of nobody says nothing"),
        (json!({ "iss": "spiffe://acme.example.test", "sub": "spiffe://acme.example/x" }), Some("mesh"), "nor one of that form"),
        (json!({ "iss": "spiffe://acme.example", "sub": "x" }), None, "no trust domain is named by `iss`"),
        (json!({ "iss": "https://b.example", "sub": "spiffe://ACME.example/x" }), None, "no SPIFFE ID"),
    ] {
        let issuer = issuers.of(&key.sign(&claims));
        assert_eq!(issuer.map(|issuer| issuer.settings().name.to_string()).as_deref(), expected, "{why}");
    }
}

#[tokio::test]
async fn a_bundle_is_read_as_often_as_it_wants_within_bounds() {
    for (hint, fresh, overdue, why) in [
        (json!(120), 95, 120, "as it says"),
        (json!(1), 47, 60, "no more than once a minute"),
        (json!(86_400), 719, 900, "a key that was removed is not used for a day"),
        (Value::Null, 239, 300, "five minutes where it says nothing"),
        (json!("120"), 239, 300, "a hint is a number"),
        (json!(-5), 239, 300, "and not a negative one"),
    ] {
        let (old, new) = (Key::new("old"), Key::new("new"));
        let published = Arc::new(Mutex::new(bundle(&[&old], &hint)));
        let shared = Arc::clone(&published);
        let server = TestServer::http(move |_| Answer::ok(shared.lock().unwrap().clone()).header("cache-control: max-age=600")).await;
        let mesh = Mesh::of(jwks_uri(&server.url("/bundle")));
        assert_eq!(mesh.accepts(&old).await, Ok(()), "{why}");
        *published.lock().unwrap() = bundle(&[&new], &hint);
        mesh.clock.advance(Seconds(fresh));
        assert_eq!((mesh.accepts(&old).await, server.count("/bundle")), (Ok(()), 1), "{why}: fresh");
        mesh.clock.advance(Seconds(overdue - fresh));
        let gone = Err(KeysError::Rejected(RejectedToken::KeyNotFound));
        assert_eq!(mesh.accepts(&old).await, gone, "{why}: overdue, so it was read again first");
    }
}

#[tokio::test]
async fn a_bundle_endpoint_that_redirects_is_not_followed() {
    let key = Key::new("k");
    let document = bundle(&[&key], &json!(60));
    let moved = TestServer::http(move |_| Answer::ok(document.clone())).await;
    let location = format!("location: {}", moved.url("/bundle"));
    let endpoint = TestServer::http(move |_| Answer::status(302).header(&location)).await;
    let mesh = Mesh::of(jwks_uri(&endpoint.url("/bundle")));
    assert_eq!(mesh.accepts(&key).await, Err(KeysError::Unavailable));
    assert!(mesh.error().contains("redirect"), "{}", mesh.error());
    assert_eq!(moved.connections(), 0);
}

#[tokio::test]
async fn a_bundle_file_is_read_again_when_it_changes() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle.json");
    // A file costs nothing to read: no hint of it is heeded.
    std::fs::write(&path, bundle(&[&old], &json!(900))).unwrap();
    let mesh = Mesh::of(KeySource::JwksFile(path.clone()));
    assert_eq!(mesh.accepts(&old).await, Ok(()));
    std::fs::write(&path, bundle(&[&new], &json!(900))).unwrap();
    mesh.clock.advance(Seconds(2));
    assert_eq!(mesh.accepts(&new).await, Ok(()));
    assert_eq!(mesh.accepts(&old).await, Err(KeysError::Rejected(RejectedToken::KeyNotFound)));
    std::fs::write(&path, super::support::jwks(&[&new])).unwrap();
    mesh.clock.advance(Seconds(2));
    let health = || mesh.issuers.all()[0].health();
    assert_eq!(mesh.accepts(&new).await, Ok(()), "a file without usable keys is doubted for a minute");
    mesh.clock.advance(Seconds(60));
    assert_eq!(mesh.accepts(&new).await, Ok(()), "the key is known, and cannot be used");
    assert_eq!((health().usable_keys, health().unusable_keys), (0, 1), "a plain key set is no bundle");
}

#[tokio::test]
async fn a_reload_keeps_the_bundle_of_a_trust_domain() {
    let key = Key::new("k");
    let document = bundle(&[&key], &json!(60));
    let server = TestServer::http(move |_| Answer::ok(document.clone())).await;
    let mesh = Mesh::of(jwks_uri(&server.url("/bundle")));
    assert_eq!(mesh.accepts(&key).await, Ok(()));
    mesh.issuers.replace(vec![trust_domain("mesh", "acme.example", jwks_uri(&server.url("/bundle")))]);
    assert_eq!((mesh.accepts(&key).await, server.count("/bundle")), (Ok(()), 1));
    // The same document as a plain key set is another thing.
    mesh.issuers.replace(vec![settings("mesh", "https://acme.example", jwks_uri(&server.url("/bundle")))]);
    assert_eq!(mesh.issuers.all()[0].health().usable_keys, 0);
}
