//! What administrators take back, and how much holders may.

use axum::body::Body;
use axum::http::Request;
use cambist::app::open_store;
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{ClaimPath, Clock as _, Seconds};
use cambist::revocation::{Rule, Selector, publish};
use cambist::store::OpenMode;
use serde_json::json;
use tower::ServiceExt as _;

use super::{ASSERTION_TYPE, Bench, refusal};
use crate::support::{Answer, FORM, part, verdict};

const CHALLENGE: &str = "Bearer realm=\"cambist\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_taken_back_is_nobody() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let kid = part(&bench.assertion(|good| good), 0)["kid"].as_str().unwrap().to_owned();
    for (kind, value, refused, why) in [
        ("kid", &*kid, true, "its key"),
        ("jti", "stolen", true, "this very assertion"),
        ("relationship", "deploy-api", true, "its name"),
        ("all", "", true, "everything"),
        ("kid", "another", false, "another key"),
        ("relationship", "reports-api", false, "another client"),
        ("issuer", "ci", false, "the issuer of the token that it asks about"),
    ] {
        let rule = bench.world.app.block(kind, value).await;
        let assertion = bench.assertion(|good| if kind == "jti" { good.with("jti", value) } else { good });
        let answer = bench.ask_as_client(&assertion, &token).await;
        if refused {
            assert_eq!(refusal(&answer), format!("401 invalid_client denied: revoked | {CHALLENGE}"), "{why}");
        } else {
            assert_eq!(answer.json()["active"], json!(kind != "issuer"), "{why}");
        }
        bench.world.app.unblock(&rule).await;
        assert_eq!(bench.ask_as_client(&bench.assertion(|good| good), &token).await.json()["active"], true, "{why}: lifted");
    }
    // The loops of a server do not run here, so nobody looks.
    bench.world.app.clock.advance(Seconds(31));
    let form = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*bench.assertion(|good| good)), ("token", "garbage")];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post("/introspect").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
    let answer = Answer::of(bench.world.app.app.public_router().oneshot(request).await.unwrap()).await;
    assert_eq!(refusal(&answer), "503 temporarily_unavailable unavailable: revocations_stale | ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_relationship_carries_over_finds_what_it_issued() {
    for (claim, value, found) in
        [("sub", "workload-example", true), ("/sub", "workload-example", true), ("env", "prod", true), ("env", "test", false)]
    {
        let bench = Bench::new().await;
        let (token, bearer) = (bench.token().await, bench.bearer("introspect").await);
        let app = &bench.world.app;
        let settings = Settings::load(&app.folder.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
        let store = open_store(&settings, OpenMode::Command).await.unwrap();
        let selector = Selector::Claim { path: ClaimPath::parse(claim).unwrap(), value: value.into(), issuer: None };
        publish(&store, &Rule::block(selector, "t", "t", app.clock.now()).into(), &*app.clock).await.unwrap();
        app.app.follow_revocations().await;
        assert_eq!(bench.ask(&bearer, &token).await.json()["active"], json!(!found), "{claim}={value}");
        let again = bench.world.ask_with(&bench.world.token_with(&[("env", "prod".into())]), &[]).await;
        assert_eq!(again.reason() == "denied: revoked", found, "{claim}={value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_ends_too_many_tokens_is_limited() {
    for (limit, policy) in [("per_subject", "subject_rate"), ("per_relationship", "relationship_rate")] {
        // Three exchanges and two revocations.
        let bench = Bench::with(&format!("[limits]\n{limit} = {{ rate = \"1/m\", burst = 5 }}")).await;
        let tokens = [bench.token().await, bench.token().await, bench.token().await];
        let end = async |token: &str| bench.post("/revoke", &[], &[("token", token)]).await;
        for token in &tokens[..2] {
            assert_eq!(end(token).await.status.as_u16(), 200);
        }
        let refused = end(&tokens[2]).await;
        assert_eq!(
            (refused.status.as_u16(), &*refused.reason(), refused.header("retry-after")),
            (429, &*format!("limited: {policy}"), "60")
        );
        assert_eq!(end(&tokens[0]).await.status.as_u16(), 200, "again is no more");
        bench.world.app.clock.advance(Seconds(60));
        bench.world.app.app.follow_revocations().await;
        assert_eq!(end(&tokens[2]).await.status.as_u16(), 200);
        assert!(verdict(&bench.world.ask(&[]).await).starts_with("429"), "one share for both");
    }
}
