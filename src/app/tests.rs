//! What no test from outside can time.

use std::fs;
use std::sync::Arc;

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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_blocked_while_the_store_spends_is_not_released() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::at(NOW)));
    fs::create_dir(folder.path().join("trust")).unwrap();
    fs::write(folder.path().join("trust/ci.jwks"), key_set()).unwrap();
    fs::write(folder.path().join("trust/test.toml"), TRUST).unwrap();
    fs::write(folder.path().join("cambist.toml"), "issuer = \"https://sts.example\"\n").unwrap();
    let settings = || Settings::load(&folder.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
    let before = Arc::new(ManualClock::at(Timestamp::from_unix(NOW.unix() - 100)));
    App::prepare_store(&settings(), before).await.unwrap();
    let edges = Edges { clock: Arc::clone(&clock) as _, fetch: Arc::new(Nowhere) };
    let app = App::build(settings(), edges).await.unwrap();
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
