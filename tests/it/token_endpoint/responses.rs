//! Whole answers, as clients see them (RFC 6749 section 5, RFC 8693 section 2.2).

use cambist::cli::dev_issuer::MintRequest;
use serde_json::json;

use crate::support::{DEPLOY, verdict};

use super::world;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_with_everything_a_client_needs() {
    let world = world().await;
    let answer = world.ask(&[]).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    200 OK
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "access_token": "[token]",
      "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
      "token_type": "Bearer",
      "expires_in": 600,
      "scope": "deploy:web status:read"
    }
    "#);
    let narrowed = world.ask(&[("scope", "status:read"), ("lifetime", "60")]).await;
    insta::assert_snapshot!(narrowed.transcript(), @r#"
    200 OK
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "access_token": "[token]",
      "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
      "token_type": "Bearer",
      "expires_in": 60,
      "scope": "status:read"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_has_these_members_and_no_refresh_token() {
    let answer = world().await.ask(&[]).await;
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "issued_token_type", "token_type", "expires_in", "scope"]);
    assert!(body["expires_in"].is_u64());
    for (name, expected) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000"),
        ("server", ""),
    ] {
        assert_eq!(answer.header(name), expected, "{name}");
    }
    assert!(answer.token().unwrap().bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "RFC 6749 appendix A.12");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_told_what_is_wrong_with_it() {
    let world = world().await;
    insta::assert_snapshot!(world.ask_without("subject_token", &[]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "malformed: parameter_missing (subject_token); decision [decision]",
      "error_uri": "https://sts.example/errors#parameter_missing"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("grant_type", "password")]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "unsupported_grant_type",
      "error_description": "malformed: grant_type_unsupported; decision [decision]",
      "error_uri": "https://sts.example/errors#grant_type_unsupported"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("scope", "\"")]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_scope",
      "error_description": "malformed: scope_syntax; decision [decision]",
      "error_uri": "https://sts.example/errors#scope_syntax"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("resource", "/x")]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_target",
      "error_description": "malformed: target_syntax; decision [decision]",
      "error_uri": "https://sts.example/errors#target_syntax"
    }
    "#);
    insta::assert_snapshot!(world.app.get("/token").await.transcript(), @r#"
    405 Method Not Allowed
    allow: POST
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "malformed: method; decision [decision]",
      "error_uri": "https://sts.example/errors#method"
    }
    "#);
    insta::assert_snapshot!(world.post_raw(&[("content-type", "application/json")], "{}").await.transcript(), @r#"
    415 Unsupported Media Type
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "malformed: content_type; decision [decision]",
      "error_uri": "https://sts.example/errors#content_type"
    }
    "#);
    insta::assert_snapshot!(world.post_with(&[], "x".repeat(70_000)).await.transcript(), @r#"
    413 Payload Too Large
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "malformed: body_too_large (at most 64 KiB); decision [decision]",
      "error_uri": "https://sts.example/errors#body_too_large"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("client_secret", "mellon")]).await.transcript(), @r#"
    401 Unauthorized
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    www-authenticate: Basic realm="cambist"
    {
      "error": "invalid_client",
      "error_description": "malformed: client_secret; decision [decision]",
      "error_uri": "https://sts.example/errors#client_secret"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_told_a_reason_and_nothing_else() {
    let world = world().await;
    world.app.warm().await;
    let expired = world.mint(&MintRequest { expires_in: Some(-61), ..world.request() });
    insta::assert_snapshot!(world.ask_with(&expired, &[]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "rejected: expired; decision [decision]",
      "error_uri": "https://sts.example/errors#expired"
    }
    "#);
    let stranger = world.token_with(&[("iss", "https://evil.example".into())]);
    insta::assert_snapshot!(world.ask_with(&stranger, &[]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "rejected: unknown_issuer; decision [decision]",
      "error_uri": "https://sts.example/errors#unknown_issuer"
    }
    "#);
    let forged = world.issuer.forge(&world.request()).unwrap();
    insta::assert_snapshot!(world.ask_with(&forged, &[]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "rejected: bad_signature; decision [decision]",
      "error_uri": "https://sts.example/errors#bad_signature"
    }
    "#);
    assert!(world.app.web.fetched().iter().all(|url| url.starts_with("https://issuer.example")), "nobody else is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told_apart_by_its_code() {
    let world = world().await;
    let stranger = world.token_with(&[("sub", "stranger".into())]);
    insta::assert_snapshot!(world.ask_with(&stranger, &[]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_request",
      "error_description": "denied: no_relationship; decision [decision]",
      "error_uri": "https://sts.example/errors#no_relationship"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("scope", "deploy:all")]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_scope",
      "error_description": "denied: scope; decision [decision]",
      "error_uri": "https://sts.example/errors#scope"
    }
    "#);
    insta::assert_snapshot!(world.ask(&[("audience", "https://nowhere.example")]).await.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    {
      "error": "invalid_target",
      "error_description": "denied: target; decision [decision]",
      "error_uri": "https://sts.example/errors#target"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_never_seen_are_no_fault_of_the_token() {
    let world = world().await;
    world.app.web.page("https://issuer.example/jwks", 503, &json!({}));
    let answer = world.ask(&[]).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    503 Service Unavailable
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    retry-after: [1 to 5]
    {
      "error": "temporarily_unavailable",
      "error_description": "unavailable: issuer_keys_unavailable; decision [decision]",
      "error_uri": "https://sts.example/errors#issuer_keys_unavailable"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_tell_lets_nothing_out() {
    let once = super::TRUST.replace("replay = \"reusable\"", "replay = \"once\"");
    let world = crate::support::World::of(&once).await;
    let token = world.token();
    let break_store = |sql: &str| {
        let store = rusqlite::Connection::open(world.app.folder.path().join("state/cambist.db")).unwrap();
        store.execute_batch(sql).unwrap();
    };
    break_store("ALTER TABLE replay_spent RENAME TO gone");
    let answer = world.app.exchange(&token, DEPLOY).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    503 Service Unavailable
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    retry-after: [1 to 5]
    {
      "error": "temporarily_unavailable",
      "error_description": "unavailable: store_unavailable; decision [decision]",
      "error_uri": "https://sts.example/errors#store_unavailable"
    }
    "#);
    break_store("ALTER TABLE gone RENAME TO replay_spent");
    assert_eq!(verdict(&world.app.exchange(&token, DEPLOY).await), "200 deploy:web status:read", "nothing was spent");
}
