//! What no test from outside can time.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::build::Parts;
use super::*;
use crate::config::Settings;
use crate::document::Diagnostics;
use crate::domain::{ManualClock, RelationshipName, SubjectToken, Timestamp};
use crate::exchange::Parameters;
use crate::outbound::{BoxFuture, Fetch, FetchError, FetchRequest, FetchResponse};
use crate::release::replay::ReplayGuard;
use crate::revocation::{Rule, Selector, publish};
use crate::store::OpenMode;

const NOW: Timestamp = Timestamp::from_unix(1_900_000_000);

struct Nowhere;

impl Fetch for Nowhere {
    fn get<'a>(&'a self, _: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::TimedOut)))
    }
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn key_set() -> String {
    let x = URL_SAFE_NO_PAD.encode(key().public_key().as_ref());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "key-1", "x": x}]}).to_string()
}

fn token(id: &str) -> SubjectToken {
    let (iat, exp) = (NOW, NOW.unix() + 300);
    let claims = json!({
        "iss": "https://issuer.example", "sub": "workload-example", "aud": "https://sts.example", "iat": iat, "exp": exp, "jti": id
    });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(json!({"alg": "EdDSA", "kid": "key-1"})), part(claims));
    SubjectToken::new(format!("{input}.{}", URL_SAFE_NO_PAD.encode(key().sign(input.as_bytes()))))
}

fn settings(folder: &Path) -> Settings {
    Settings::load(&folder.join("cambist.toml"), &Diagnostics::new()).unwrap()
}

/// An application in this folder, whose one issuer has these keys.
async fn app(folder: &Path, clock: &Arc<ManualClock>, keys: &str) -> Arc<App> {
    fs::create_dir(folder.join("trust")).unwrap();
    fs::write(folder.join("trust/ci.jwks"), keys).unwrap();
    fs::write(folder.join("trust/test.toml"), TRUST).unwrap();
    fs::write(folder.join("cambist.toml"), "issuer = \"https://sts.example\"\n").unwrap();
    let before = Arc::new(ManualClock::at(Timestamp::from_unix(NOW.unix() - 100)));
    App::prepare_store(&settings(folder), before).await.unwrap();
    let edges = Edges { clock: Arc::clone(clock) as _, fetch: Arc::new(Nowhere) };
    App::build(settings(folder), edges).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_read_and_has_no_usable_key_is_told_as_one_that_could_not_be_read() {
    for (keys, expected, why) in [
        (&*key_set(), false, "a usable key"),
        (r#"{"keys":[]}"#, true, "no key at all"),
        (r#"{"keys":[{"kty":"EC","kid":"key-1"}]}"#, true, "a key that cannot be used"),
        ("", true, "no key set"),
    ] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(NOW)));
        let app = app(folder.path(), &clock, keys).await;
        app.warm_issuers();
        let read = || app.parts.issuers.all().iter().all(|issuer| issuer.health().last_success.is_some() || issuer.health().failures > 0);
        for _ in 0..5_000 {
            if read() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        app.each_second().await;
        assert_eq!(app.health.names().contains(&"issuer_keys_unavailable"), expected, "{why}: {:?}", app.health.names());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_blocked_while_the_store_spends_is_not_released() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(NOW)));
    let app = app(folder.path(), &clock, &key_set()).await;
    let settings = || settings(folder.path());
    let desk = open_store(&settings(), OpenMode::Command).await.unwrap();

    for blocked in [false, true] {
        let (revocations, desk, now) = (Arc::clone(&app.parts.revocations), desk.clone(), Arc::clone(&clock));
        // Told when the token is spent, and before the exchange goes on.
        let guard = ReplayGuard::open(&app.parts.store, Arc::clone(&clock) as _).await.unwrap().observed_by(move |_, _| {
            let selector = Selector::Relationship(RelationshipName::parse(if blocked { "web-shop" } else { "batch" }).unwrap());
            let rule = Rule::block(selector, "r", "b", NOW);
            block_in_place(|| {
                Handle::current().block_on(async {
                    publish(&desk, &rule.into(), &*now).await.unwrap();
                    revocations.sync().await.unwrap();
                });
            });
        });
        let service = Parts { guard: Arc::new(guard), ..app.parts.clone() }.conductor(&app.settings);
        let parameters = Parameters {
            grant_type: Some("urn:ietf:params:oauth:grant-type:token-exchange".into()),
            subject_token: Some(token(if blocked { "2" } else { "1" })),
            subject_token_type: Some("urn:ietf:params:oauth:token-type:jwt".into()),
            ..Parameters::default()
        };
        let answer = service.exchange(parameters, None).await;
        assert_eq!(answer.result.err().map(|refusal| refusal.reason()), blocked.then_some("revoked"));
    }
}

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
jwks_file = "ci.jwks"
algorithms = ["EdDSA"]
owner = "o@example.com"
replay = "once"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it" }
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "p"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["use"] }]
"#;
