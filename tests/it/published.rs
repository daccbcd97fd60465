//! What anybody may read: metadata, keys, what errors mean, and whether we are there (RFC 8414, RFC 7517, OpenID Connect Discovery).

use std::collections::BTreeSet;
use std::fs;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::Digest256;
use serde_json::{Value, json};

use crate::support::{Answer, ONE_TARGET, TestApp, World, verdict};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

async fn app() -> TestApp {
    TestApp::with_trust(ONE_TARGET).await.unwrap()
}

async fn get_with(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "the whole document")]
async fn the_metadata_says_what_is_there_and_nothing_else() {
    let app = app().await;
    let answer = app.get(OAUTH).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    200 OK
    cache-control: public, max-age=300
    content-type: application/json
    etag: "08fd1ea910a9641f3aca505d83a15ae2"
    {
      "issuer": "https://sts.example",
      "token_endpoint": "https://sts.example/token",
      "jwks_uri": "https://sts.example/keys",
      "grant_types_supported": [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange"
      ],
      "token_endpoint_auth_methods_supported": [
        "none",
        "private_key_jwt"
      ],
      "token_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "ES384",
        "EdDSA",
        "PS256",
        "PS384",
        "PS512",
        "RS256",
        "RS384",
        "RS512",
        "Ed25519"
      ],
      "introspection_endpoint": "https://sts.example/introspect",
      "introspection_endpoint_auth_methods_supported": [
        "private_key_jwt",
        "Bearer",
        "DPoP"
      ],
      "introspection_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "ES384",
        "EdDSA",
        "PS256",
        "PS384",
        "PS512",
        "RS256",
        "RS384",
        "RS512",
        "Ed25519"
      ],
      "revocation_endpoint": "https://sts.example/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "none",
        "private_key_jwt"
      ],
      "revocation_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "ES384",
        "EdDSA",
        "PS256",
        "PS384",
        "PS512",
        "RS256",
        "RS384",
        "RS512",
        "Ed25519"
      ],
      "revocations_uri": "https://sts.example/revocations",
      "response_types_supported": [
        "id_token"
      ],
      "subject_types_supported": [
        "public"
      ],
      "id_token_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "EdDSA"
      ],
      "dpop_signing_alg_values_supported": [
        "ES256",
        "ES384",
        "EdDSA",
        "PS256",
        "PS384",
        "PS512",
        "RS256",
        "RS384",
        "RS512",
        "Ed25519"
      ],
      "claims_supported": [
        "act",
        "ancestors",
        "aud",
        "client_id",
        "cnf",
        "exp",
        "iat",
        "iss",
        "jti",
        "root_jti",
        "rvk",
        "scope",
        "sub"
      ]
    }
    "#);
    let document = answer.json();
    let lists: Vec<_> = document.as_object().unwrap().values().filter_map(Value::as_array).collect();
    assert!(lists.iter().all(|list| !list.is_empty()), "RFC 8414 section 3.2 forbids empty lists");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_metadata_documents_are_the_same_bytes() {
    let app = app().await;
    assert_eq!(app.get(OAUTH).await.text, app.get(OPENID).await.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_leads_to_what_it_names() {
    let app = app().await;
    let document = app.get(OAUTH).await.json();
    let path = |name: &str| document[name].as_str().unwrap().strip_prefix("https://sts.example").unwrap().to_owned();
    assert!(app.get(&path("jwks_uri")).await.json()["keys"].is_array());
    assert_eq!(app.get(&path("token_endpoint")).await.header("allow"), "POST");
    let signed: Vec<_> = app.get("/keys").await.json()["keys"].as_array().unwrap().iter().map(|key| key["alg"].clone()).collect();
    for algorithm in document["id_token_signing_alg_values_supported"].as_array().unwrap() {
        assert!(signed.contains(algorithm), "{algorithm} has a key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_public_and_named_by_its_thumbprint() {
    let answer = app().await.get("/keys").await;
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let document = answer.json();
    let keys = document["keys"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for key in keys {
        let kind = key["kty"].as_str().unwrap();
        let required: &[&str] = match kind {
            "EC" => &["crv", "kty", "x", "y"],
            "RSA" => &["e", "kty", "n"],
            "OKP" => &["crv", "kty", "x"],
            other => panic!("{other} is not published"),
        };
        let members: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, required.iter().chain(&["alg", "kid", "use"]).copied().collect(), "no private member of {kind}");
        assert_eq!(key["use"], "sig");
        // RFC 7638 section 3: the required members, in this order, without spaces.
        let canonical: Vec<_> = required.iter().map(|name| format!("\"{name}\":{}", key[*name])).collect();
        let digest = Digest256::of(format!("{{{}}}", canonical.join(",")).as_bytes());
        assert_eq!(key["kid"], URL_SAFE_NO_PAD.encode(digest.as_bytes()), "{kind}");
        assert!(names.insert(key["kid"].to_string()), "every name once");
    }
    let algorithms: BTreeSet<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"].into(), "each target chooses");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_holds_is_not_sent_again() {
    let app = app().await;
    for path in [OAUTH, OPENID, "/keys", "/errors"] {
        let answer = app.get(path).await;
        let tag = answer.header("etag");
        assert!(tag.len() > 2 && tag.matches('"').count() == 2 && tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(answer.header("cache-control"), "public, max-age=300", "{path}");
        for (held, status) in [(tag, 304), (&format!("W/{tag}"), 304), (&format!("\"other\", {tag}"), 304), ("*", 304), ("\"other\"", 200)]
        {
            let again = get_with(&app, path, &[("if-none-match", held)]).await;
            assert_eq!(again.status.as_u16(), status, "{path} {held}");
            assert_eq!(again.text.is_empty(), status == 304, "{path} {held}");
            assert_eq!(again.header("etag"), tag, "{path} {held}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_derived_from_the_host_that_was_asked() {
    let app = app().await;
    let lies =
        [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "http"), ("forwarded", "host=evil.example")];
    for path in [OAUTH, OPENID, "/keys", "/revocations", "/errors", "/token", "/nowhere"] {
        let (plain, misled) = (app.get(path).await, get_with(&app, path, &lies).await);
        assert_eq!(plain.transcript(), misled.transcript(), "{path}");
        assert!(!misled.text.contains("evil"), "{path}");
    }
    let world = World::around(app, "oidc", "https://issuer.example");
    let issued = world.post_with(&lies, world.body()).await;
    assert_eq!(issued.token_part(1)["iss"], "https://sts.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_a_path_has_it_in_every_address() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("trust")).unwrap();
    fs::write(folder.path().join("trust/test.toml"), ONE_TARGET).unwrap();
    fs::write(folder.path().join("cambist.toml"), "issuer = \"https://sts.example/t1/\"\n").unwrap();
    let app = TestApp::start_in(folder).await.unwrap();
    let inserted = app.get("/.well-known/oauth-authorization-server/t1").await;
    let document = inserted.json();
    assert_eq!(document["issuer"], "https://sts.example/t1/", "to the letter");
    assert_eq!(document["token_endpoint"], "https://sts.example/t1/token");
    assert_eq!(document["jwks_uri"], "https://sts.example/t1/keys");
    assert_eq!(app.get("/t1/.well-known/openid-configuration").await.text, inserted.text, "appended");
    for path in ["/t1/keys", "/t1/revocations", "/t1/errors", "/livez", "/readyz"] {
        assert_eq!(app.get(path).await.status.as_u16(), 200, "{path}");
    }
    for path in
        [OAUTH, OPENID, "/keys", "/token", "/.well-known/oauth-authorization-server/t1/", "/.well-known/oauth-authorization-server/t2"]
    {
        assert_eq!(verdict(&app.get(path).await), "404 invalid_request malformed: not_found", "{path}");
    }
    let denied = app.get("/t1/token").await;
    assert_eq!(denied.json()["error_uri"], "https://sts.example/t1/errors#method");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_has_an_anchor_on_the_errors_page() {
    let answer = app().await.get("/errors").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    let mut anchors = 0;
    for reason in crate::reasons::headings() {
        assert!(answer.text.contains(&format!("<h3 id=\"{reason}\">")), "{reason}");
        anchors += 1;
    }
    assert!(anchors > 50, "{anchors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_tell_the_public_one_word() {
    let app = app().await;
    insta::assert_snapshot!(app.get("/livez").await.transcript(), @r#"
    200 OK
    cache-control: no-store
    content-type: text/plain; charset=utf-8
    ok
    "#);
    insta::assert_snapshot!(app.get("/readyz").await.transcript(), @r#"
    200 OK
    cache-control: no-store
    content-type: text/plain; charset=utf-8
    ready
    "#);
    let details = app.admin("/readyz").await.json();
    assert_eq!((&details["status"], &details["degraded"]), (&json!("ready"), &json!([])));
    assert_eq!(details["trust_version"].as_str().map(str::len), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_listener_has_its_own_paths() {
    let app = app().await;
    assert_eq!(app.get("/metrics").await.status.as_u16(), 404, "metrics are never public");
    assert_eq!(app.admin("/metrics").await.status.as_u16(), 200);
    for path in ["/token", "/keys", "/revocations", "/errors", OAUTH] {
        assert_eq!(app.admin(path).await.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_for_reading_only() {
    let app = app().await;
    for path in [OAUTH, OPENID, "/keys", "/revocations", "/errors"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = app.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, HEAD"), "{method} {path}");
        }
        let head = app.send(Request::head(path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("etag"), app.get(path).await.header("etag"), "{path}");
    }
}
