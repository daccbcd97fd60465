//! What is said of a token, and to whom.

use axum::body::Body;
use axum::http::Request;
use cambist::domain::Seconds;
use serde_json::json;
use tower::ServiceExt as _;

use super::{ASSERTION_TYPE, Bench, INACTIVE, refusal};
use crate::support::{Answer, FORM, OWN_ISSUER};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_explained_to_who_may_know_it() {
    let bench = Bench::new().await;
    let (bearer, token) = (bench.bearer("introspect").await, bench.token().await);
    let answer = bench.ask(&bearer, &token).await;
    let jti = answer.json()["jti"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(answer.transcript().replace(&jti, "[jti]"), @r#"
    200 OK
    cache-control: no-store
    content-type: application/json
    pragma: no-cache
    {
      "active": true,
      "iss": "https://sts.example",
      "sub": "ci:workload-example",
      "aud": "https://deploy.example.com",
      "client_id": "web-shop",
      "scope": "use",
      "iat": 1800000000,
      "exp": 1800000900,
      "jti": "[jti]",
      "env": "prod",
      "token_type": "Bearer"
    }
    "#);
    assert_eq!(answer.text.matches("\"active\"").count(), 1, "said once");
    assert!(!answer.text.contains("rvk"), "what only we can read is told to nobody");
    assert_eq!(bench.ask_as_client(&bench.assertion(|good| good), &token).await.text, answer.text, "to a client the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_any_other_token_nothing_is_said() {
    let bench = Bench::new().await;
    let bearer = bench.bearer("introspect").await;
    let token = bench.token().await;
    let mut changed: Vec<_> = token.split('.').collect();
    changed[1] = "e30";
    for (token, why) in [
        ("garbage", "no token"),
        (&*format!("{token}x"), "a signature with more at its end"),
        (&*changed.join("."), "other claims"),
        ("a.b.c.d.e", "encrypted"),
        (&*bench.world.token(), "a token of the issuer, which is not ours to explain"),
        (&*bench.issued("https://reports.example").await, "for a target that names somebody else"),
        (&*bearer, "the caller's own, which is for us"),
    ] {
        let answer = bench.ask(&bearer, token).await;
        assert_eq!((answer.status.as_u16(), &*answer.text, answer.header("cache-control")), (200, INACTIVE, "no-store"), "{why}");
    }
    assert!(bench.is_active(&token).await);
    bench.world.app.clock.advance(Seconds(900));
    assert!(!bench.is_active(&token).await, "expired, to the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_sees_tokens_of_targets_that_name_it() {
    let bench = Bench::new().await;
    let (deploy, reports) = (bench.token().await, bench.issued("https://reports.example").await);
    let as_reports = || bench.assertion(|request| request.with("iss", "reports-api").with("sub", "reports-api"));
    for (assertion, token, active, why) in [
        (bench.assertion(|good| good), &deploy, true, "its own target"),
        (bench.assertion(|good| good), &reports, false, "another's"),
        (as_reports(), &reports, true, "its own target"),
        (as_reports(), &deploy, false, "another's"),
    ] {
        assert_eq!(bench.ask_as_client(&assertion, token).await.json()["active"], json!(active), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_hides_nothing() {
    let bench = Bench::new().await;
    let (bearer, token) = (format!("Bearer {}", bench.bearer("introspect").await), bench.token().await);
    for hint in ["refresh_token", "access_token", "something_else"] {
        let answer = bench.post("/introspect", &[("authorization", &bearer)], &[("token", &token), ("token_type_hint", hint)]).await;
        assert_eq!(answer.json()["active"], true, "{hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_a_form_like_every_other() {
    let bench = Bench::new().await;
    let bearer = format!("Bearer {}", bench.bearer("introspect").await);
    let authorization = ("authorization", &*bearer);
    let token = bench.token().await;
    for (form, expected, why) in [
        (&[][..], "400 invalid_request malformed: parameter_missing (token) | ", "nothing asked"),
        (&[("token", "")], "400 invalid_request malformed: parameter_missing (token) | ", "empty is absent"),
        (&[("token", "a"), ("token", "b")], "400 invalid_request malformed: parameter_repeated (token) | ", "twice"),
        (&[("token", "a"), ("access_token", "b")], "400 invalid_request malformed: authorization (two ways) | ", "RFC 6750 section 3.1"),
    ] {
        assert_eq!(refusal(&bench.post("/introspect", &[authorization], form).await), expected, "{why}");
    }
    let assertion = bench.assertion(|good| good);
    let as_client = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*assertion), ("token", "x")])
        .finish();
    let in_the_url = Request::post("/introspect?x=1").header(FORM.0, FORM.1).body(as_client.into()).unwrap();
    let answer = bench.world.app.send(in_the_url).await;
    assert_eq!(refusal(&answer), "400 invalid_request malformed: query_string | ", "a client that says who it is");
    let extra = [("token", &*token), ("audience", "a"), ("audience", "b"), ("subject_token", "x"), ("subject_token", "y")];
    assert_eq!(bench.post("/introspect", &[authorization], &extra).await.json()["active"], true, "other endpoints' parameters are ignored");
    for (request, expected, why) in [
        (Request::get("/introspect").body(Body::empty()), "405 invalid_request malformed: method | ", "not a POST"),
        (
            Request::post("/introspect").header("authorization", &bearer).header("content-type", "application/json").body("{}".into()),
            "415 invalid_request malformed: content_type | ",
            "JSON",
        ),
        (
            Request::post("/introspect?token=x").header("authorization", &bearer).header(FORM.0, FORM.1).body(Body::empty()),
            "400 invalid_request malformed: query_string | ",
            "in the URL",
        ),
        (
            Request::post("/introspect").header("authorization", &bearer).header(FORM.0, FORM.1).body(vec![b'a'; 70_000].into()),
            "413 invalid_request malformed: body_too_large (at most 64 KiB) | ",
            "too large",
        ),
    ] {
        let answer = bench.world.app.send(request.unwrap()).await;
        assert_eq!((refusal(&answer), answer.header("cache-control")), (expected.into(), "no-store"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_says_how_to_ask() {
    let bench = Bench::new().await;
    let metadata = bench.world.app.get("/.well-known/oauth-authorization-server").await.json();
    let methods = |name: &str| metadata[format!("{name}_endpoint_auth_methods_supported")].clone();
    assert_eq!(metadata["introspection_endpoint"], format!("{OWN_ISSUER}/introspect"));
    assert_eq!(metadata["revocation_endpoint"], format!("{OWN_ISSUER}/revoke"));
    assert_eq!(
        (methods("introspection"), methods("revocation")),
        (json!(["private_key_jwt", "Bearer", "DPoP"]), json!(["none", "private_key_jwt"]))
    );
    for name in ["introspection", "revocation"] {
        let listed = &metadata[format!("{name}_endpoint_auth_signing_alg_values_supported")];
        let algorithms = listed.as_array().unwrap();
        assert!(algorithms.contains(&json!("ES256")) && !algorithms.contains(&json!("none")), "{name}");
        assert!(algorithms.contains(&json!("EdDSA")) && algorithms.contains(&json!("Ed25519")), "{name}: both names of one algorithm");
        assert_eq!(*listed, metadata["dpop_signing_alg_values_supported"], "{name}: assertions are read as proofs are");
        assert_eq!(*listed, metadata["token_endpoint_auth_signing_alg_values_supported"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_counted_by_what_came_of_them() {
    let bench = Bench::new().await;
    let (bearer, token) = (bench.bearer("introspect").await, bench.token().await);
    bench.ask(&bearer, &token).await;
    bench.ask(&bearer, "garbage").await;
    bench.ask("garbage", &token).await;
    bench.post("/revoke", &[], &[("token", &token)]).await;
    bench.post("/revoke", &[], &[("token", "garbage")]).await;
    let metrics = bench.world.app.admin("/metrics").await.text;
    for (endpoint, outcome, reason) in [
        ("introspect", "active", ""),
        ("introspect", "inactive", ""),
        ("introspect", "rejected", "malformed_token"),
        ("revoke", "revoked", ""),
        ("revoke", "nothing", ""),
    ] {
        let line = format!("cambist_inspections_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_not_know_never_says_that_a_token_is_good() {
    let bench = Bench::new().await;
    let (bearer, token) = (bench.bearer("introspect").await, bench.token().await);
    // Nobody looks whether something was taken back: the loops of a server do not run here.
    bench.world.app.clock.advance(Seconds(40));
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", &token).finish();
    let request = Request::post("/introspect").header(FORM.0, FORM.1).header("authorization", format!("Bearer {bearer}"));
    let router = bench.world.app.app.public_router();
    let answer = Answer::of(router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    503 Service Unavailable
    cache-control: no-store
    content-type: application/json
    pragma: no-cache
    retry-after: [1 to 5]
    {
      "error": "temporarily_unavailable",
      "error_description": "unavailable: revocations_stale",
      "error_uri": "https://sts.example/errors#revocations_stale"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_is_explained_like_any_other() {
    let bench = Bench::new().await;
    let handle = bench.issued("https://opaque.example").await;
    assert!(handle.starts_with("cmb_"), "{handle}");
    let told = bench.ask(&bench.bearer("introspect").await, &handle).await.json();
    assert_eq!((&told["active"], &told["aud"], &told["token_type"]), (&json!(true), &json!("https://opaque.example"), &json!("Bearer")));
    let mut wrong = handle.clone();
    wrong.replace_range(10..11, if &handle[10..11] == "A" { "B" } else { "A" });
    assert!(!bench.is_active(&wrong).await, "another handle is nobody's");
    assert_eq!(bench.post("/revoke", &[], &[("token", &handle)]).await.status.as_u16(), 200);
    assert!(!bench.is_active(&handle).await, "holding it is enough to end it");
}
