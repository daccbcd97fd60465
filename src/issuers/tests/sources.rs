//! Where keys come from, and where tokens and connections do not go.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::domain::{Clock as _, IssuerId, ManualClock, Seconds, Timestamp};
use crate::outbound::tests::server::{Answer, Authority, TestServer};
use crate::outbound::{BoxFuture, Fetch, FetchError, FetchRequest, FetchResponse, Network, Outbound};
use crate::token::RejectedToken;

use super::super::{IssuerSettings, Issuers, KeySource, KeysError};
use super::support::{Key, claims, jwks, jwks_uri, new_issuers, settings};

/// Answers everything with a discovery document, after a while.
struct Slow(Duration);

impl Fetch for Slow {
    fn get<'a>(&'a self, _: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        Box::pin(async {
            tokio::time::sleep(self.0).await;
            let body = json!({ "issuer": "https://slow.example", "jwks_uri": "https://slow.example/keys", "keys": [] }).to_string();
            Ok(FetchResponse { status: 200, body: body.into_bytes(), max_age: None })
        })
    }
}

#[tokio::test]
async fn discovery_and_keys_have_one_deadline_together() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
    let outbound = Outbound { fetch: Arc::new(Slow(Duration::from_millis(600))), deadline: Duration::from_secs(1) };
    let issuers = Issuers::new(outbound, clock.clone());
    let discovery = settings("slow", "https://slow.example", KeySource::Discovery { token_file: None });
    issuers.replace(vec![IssuerSettings { network: Network::Public, ..discovery }]);
    let token = Key::new("a").sign(&claims("https://slow.example", clock.now()));
    let issuer = issuers.trusted("https://slow.example").unwrap();
    assert_eq!(issuer.keys(&token, clock.now()).await.err(), Some(KeysError::Unavailable));
    let error = issuer.health().last_error.unwrap();
    assert!(error.starts_with("https://slow.example/keys: ") && error.contains(&FetchError::TimedOut.to_string()), "{error}");
}

/// One issuer whose settings the test makes itself.
struct Registered {
    clock: Arc<ManualClock>,
    issuers: Arc<Issuers>,
    id: IssuerId,
}

impl Registered {
    fn with(settings: IssuerSettings) -> Self {
        let (clock, issuers) = new_issuers();
        let id = settings.id.clone();
        issuers.replace(vec![settings]);
        Self { clock, issuers, id }
    }

    async fn accepts(&self, key: &Key) -> Result<(), KeysError> {
        let now = self.clock.now();
        self.issuers.trusted(self.id.as_str()).unwrap().keys(&key.sign(&claims(self.id.as_str(), now)), now).await.map(drop)
    }

    fn error(&self) -> String {
        self.issuers.all()[0].health().last_error.unwrap()
    }
}

/// Serves a discovery document at `/` and keys at `/keys`. The document is put later, because it names the server.
async fn discovering(key: &Key) -> (TestServer, Arc<Mutex<String>>) {
    let (document, keys) = (Arc::new(Mutex::new(String::new())), jwks(&[key]));
    let shared = Arc::clone(&document);
    let server =
        TestServer::http(move |path| Answer::ok(if path == "/keys" { keys.clone() } else { shared.lock().unwrap().clone() })).await;
    (server, document)
}

fn discovery(token_file: Option<&Path>) -> KeySource {
    KeySource::Discovery { token_file: token_file.map(Into::into) }
}

#[tokio::test]
async fn discovery_asks_below_the_issuer_and_believes_only_its_own_document() {
    let key = Key::new("a");
    for (issuer_path, stated_path, accepted, asked) in [
        ("", "", true, "/.well-known/openid-configuration"),
        ("/", "/", true, "/.well-known/openid-configuration"),
        ("/tenant", "/tenant", true, "/tenant/.well-known/openid-configuration"),
        ("/tenant/", "/tenant/", true, "/tenant/.well-known/openid-configuration"),
        ("/tenant", "/tenant/", false, "/tenant/.well-known/openid-configuration"),
        ("", "/", false, "/.well-known/openid-configuration"),
    ] {
        let (server, document) = discovering(&key).await;
        *document.lock().unwrap() = json!({ "issuer": server.url(stated_path), "jwks_uri": server.url("/keys") }).to_string();
        let world = Registered::with(settings("main", &server.url(issuer_path), discovery(None)));
        assert_eq!(world.accepts(&key).await.is_ok(), accepted, "{issuer_path:?} {stated_path:?}");
        assert_eq!((server.count(asked), server.count("/keys")), (1, usize::from(accepted)));
        assert!(accepted || world.error().contains("of another issuer"), "{}", world.error());
    }
}

#[tokio::test]
async fn a_discovery_document_cannot_lead_outside_the_network() {
    let key = Key::new("a");
    let (server, document) = discovering(&key).await;
    let world = Registered::with(settings("main", &server.url(""), discovery(None)));
    for (jwks_uri, expected, why) in [
        ("http://169.254.169.254/keys", "metadata", "the metadata service"),
        ("https://10.0.0.1/keys", "private", "the inside"),
        ("http://[::ffff:127.0.0.1]/keys", "IPv4-mapped", "another spelling of loopback"),
        ("file:///etc/passwd", "scheme", "a file"),
        ("http://user:hunter2@127.0.0.1/keys", "credentials", "credentials"),
    ] {
        *document.lock().unwrap() = json!({ "issuer": server.url(""), "jwks_uri": jwks_uri }).to_string();
        world.clock.advance(Seconds(60));
        assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable), "{why}");
        let error = world.error();
        assert!(error.contains(expected) && !error.contains("hunter2"), "{why}: {error}");
    }
}

#[tokio::test]
async fn a_large_discovery_document_is_refused() {
    let key = Key::new("a");
    let (server, document) = discovering(&key).await;
    let padding = "x".repeat(64 * 1024);
    *document.lock().unwrap() = json!({ "issuer": server.url(""), "jwks_uri": server.url("/keys"), "x": padding }).to_string();
    let world = Registered::with(settings("main", &server.url(""), discovery(None)));
    assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
    assert!(world.error().contains("larger than 65536 bytes"), "{}", world.error());
}

#[tokio::test]
async fn the_discovery_token_goes_to_the_issuers_own_origin_only() {
    let key = Key::new("a");
    let (own, document) = discovering(&key).await;
    let (other, _) = discovering(&key).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first-token\n").unwrap();
    let authorised = |server: &TestServer| {
        let heads = server.requests().into_iter().map(|head| head.to_ascii_lowercase());
        heads.map(|head| head.contains("authorization: bearer ")).collect::<Vec<_>>()
    };
    let world = Registered::with(settings("main", &own.url(""), discovery(Some(file.path()))));

    *document.lock().unwrap() = json!({ "issuer": own.url(""), "jwks_uri": own.url("/keys") }).to_string();
    assert_eq!(world.accepts(&key).await, Ok(()));
    assert_eq!(authorised(&own), [true, true]);

    // The other server differs by its port alone.
    *document.lock().unwrap() = json!({ "issuer": own.url(""), "jwks_uri": other.url("/keys") }).to_string();
    std::fs::write(file.path(), "second-token").unwrap();
    world.clock.advance(Seconds(900));
    assert_eq!(world.accepts(&key).await, Ok(()));
    assert_eq!((authorised(&own), authorised(&other)), (vec![true, true, true], vec![false]));
    assert!(own.requests()[2].contains("second-token"), "the file is read for each use");
}

#[tokio::test]
async fn a_refused_discovery_says_what_to_do() {
    let key = Key::new("a");
    let (own, document) = discovering(&key).await;
    let closed = TestServer::http(|_| Answer::status(401)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "some-token").unwrap();
    *document.lock().unwrap() = json!({ "issuer": own.url(""), "jwks_uri": closed.url("/keys") }).to_string();
    for (token_file, expected) in [(Some(file.path()), "own origin only"), (None, "see `discovery_token`")] {
        let world = Registered::with(settings("main", &own.url(""), discovery(token_file)));
        assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
        assert!(world.error().contains(expected) && !world.error().contains("some-token"), "{}", world.error());
    }
    for content in ["", " \n", "two words"] {
        std::fs::write(file.path(), content).unwrap();
        let world = Registered::with(settings("main", &own.url(""), discovery(Some(file.path()))));
        assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
        assert!(world.error().contains("holds no token") && !world.error().contains("words"), "{}", world.error());
    }
}

#[tokio::test]
async fn a_key_file_is_read_again_when_it_changes_and_its_limits_hold() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    let world = Registered::with(settings("main", "https://issuer.example", KeySource::JwksFile(path.clone())));
    assert_eq!(world.accepts(&old).await, Err(KeysError::Unavailable));
    assert!(world.error().contains("keys.json cannot be read"), "{}", world.error());

    std::fs::write(&path, jwks(&[&old])).unwrap();
    assert_eq!(world.accepts(&old).await, Ok(()));
    std::fs::write(&path, jwks(&[&new])).unwrap();
    assert_eq!(world.accepts(&new).await, Ok(()), "an unknown key reads the file at once");
    world.clock.advance(Seconds(2));
    assert_eq!(world.accepts(&old).await, Err(KeysError::Rejected(RejectedToken::KeyNotFound)));

    std::fs::write(&path, vec![b' '; 512 * 1024 + 1]).unwrap();
    world.clock.advance(Seconds(2));
    assert_eq!(world.accepts(&new).await, Ok(()), "a broken file takes no key away");
    assert!(world.error().contains("larger than"), "{}", world.error());
}

#[tokio::test]
async fn a_key_file_that_became_empty_is_looked_at_as_often_as_ever() {
    let (kept, removed) = (Key::new("kept"), Key::new("removed"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    let world = Registered::with(settings("main", "https://issuer.example", KeySource::JwksFile(path.clone())));
    let not_found = Err(KeysError::Rejected(RejectedToken::KeyNotFound));
    std::fs::write(&path, jwks(&[&kept, &removed])).unwrap();
    assert_eq!(world.accepts(&removed).await, Ok(()));
    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    for seconds in [2, 20, 37] {
        world.clock.advance(Seconds(seconds));
        assert_eq!(world.accepts(&removed).await, Ok(()), "doubted for a minute");
    }
    std::fs::write(&path, jwks(&[&kept])).unwrap();
    world.clock.advance(Seconds(2));
    assert_eq!((world.accepts(&removed).await, world.accepts(&kept).await), (not_found, Ok(())), "put right, without the removed key");

    std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
    for (seconds, expected) in [(2, Ok(())), (59, Ok(())), (1, not_found)] {
        world.clock.advance(Seconds(seconds));
        assert_eq!(world.accepts(&kept).await, expected, "believed a minute after it was first seen");
    }
}

#[tokio::test]
async fn a_private_authority_is_followed_when_its_file_changes() {
    let key = Key::new("a");
    let (old, new) = (Authority::new(), Authority::new());
    let document = jwks(&[&key]);
    let server = TestServer::https(&new.identity(), move |_| Answer::ok(document.clone())).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &old.pem).unwrap();
    let registration = settings("main", "https://issuer.example", jwks_uri(&server.url("/keys")));
    let world = Registered::with(IssuerSettings { ca_file: Some(file.path().into()), ..registration });
    assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
    assert!(world.error().contains("certificate"), "{}", world.error());
    std::fs::write(file.path(), &new.pem).unwrap();
    assert_eq!(world.accepts(&key).await, Ok(()));
}

#[tokio::test]
async fn an_issuer_in_the_public_network_is_never_asked_on_loopback() {
    let (key, authority) = (Key::new("a"), Authority::new());
    let document = jwks(&[&key]);
    let server = TestServer::https(&authority.identity(), move |_| Answer::ok(document.clone())).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    for url in [format!("https://localhost:{}/keys", server.port()), server.url("/keys")] {
        let registration = settings("main", "https://issuer.example", jwks_uri(&url));
        let public = IssuerSettings { network: Network::Public, ca_file: Some(file.path().into()), ..registration };
        let world = Registered::with(public);
        assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
        assert!(world.error().contains("which is loopback and refused"), "{}", world.error());
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn keys_that_move_to_another_origin_are_used_and_told() {
    let key = Key::new("a");
    let (own, document) = discovering(&key).await;
    let (other, _) = discovering(&key).await;
    let world = Registered::with(settings("main", &own.url(""), discovery(None)));
    for (served_by, surprises, why) in
        [(&own, 0, "where they are"), (&own, 0, "and stay"), (&other, 1, "elsewhere"), (&other, 1, "where they are now"), (&own, 2, "back")]
    {
        *document.lock().unwrap() = json!({ "issuer": own.url(""), "jwks_uri": served_by.url("/keys") }).to_string();
        world.clock.advance(Seconds(900));
        assert_eq!(world.accepts(&key).await, Ok(()), "{why}");
        assert_eq!(world.issuers.all()[0].health().surprises, surprises, "{why}");
    }
}
