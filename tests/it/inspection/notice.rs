//! What is revoked, for whoever does not ask about each token.

use axum::body::Body;
use axum::http::Request;
use cambist::domain::{Fingerprint, Seconds};
use cambist::exchange::JWT_BEARER;
use tower::ServiceExt as _;

use super::{ASSERTION_TYPE, Bench, refusal};
use crate::support::{Answer, DEPLOY, part, verdict};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

async fn held(bench: &Bench, tag: &str) -> Answer {
    bench.world.app.send(Request::get("/revocations").header("if-none-match", tag).body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_a_signed_document_that_may_be_kept_for_seconds() {
    let bench = Bench::new().await;
    let empty = bench.world.app.get("/revocations").await;
    assert_eq!(held(&bench, empty.header("etag")).await.status.as_u16(), 304, "the same, and not sent again");
    let token = bench.token().await;
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200);
    assert_eq!(held(&bench, empty.header("etag")).await.status.as_u16(), 200, "there is news");
    let answer = bench.world.app.get("/revocations").await;
    let (kid, digest) =
        (part(&answer.text, 0)["kid"].clone(), Fingerprint::of("jti", part(&token, 1)["jti"].as_str().unwrap()).to_string());
    let keys = bench.world.app.get("/keys").await.json();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid && key["alg"] == "ES256"), "its key is published");
    let decoded = format!("{}\n{:#}", part(&answer.text, 0), part(&answer.text, 1));
    let written = answer.transcript().replace(&answer.text, &decoded).replace(answer.header("etag"), "\"[tag]\"");
    let written = written.replace(kid.as_str().unwrap(), "[kid]").replace(&digest, "[digest of its jti]");
    insta::assert_snapshot!(written, @r#"
    200 OK
    cache-control: public, max-age=5
    content-type: application/jwt
    etag: "[tag]"
    {"alg":"ES256","typ":"revocations+jwt","kid":"[kid]"}
    {
      "iss": "https://sts.example",
      "iat": 1800000000,
      "exp": 1800000300,
      "version": 1,
      "max_age": 5,
      "rules": [
        {
          "all": [
            "[digest of its jti]"
          ]
        }
      ]
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_know_publishes_nothing() {
    let bench = Bench::new().await;
    assert_eq!(bench.world.app.get("/revocations").await.status.as_u16(), 200);
    // Nobody looks whether something was taken back: the loops of a server do not run here.
    bench.world.app.clock.advance(Seconds(40));
    let request = Request::get("/revocations").body(Body::empty()).unwrap();
    let answer = Answer::of(bench.world.app.app.public_router().oneshot(request).await.unwrap()).await;
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
async fn what_is_revoked_passes_for_no_token_anywhere() {
    let bench = Bench::new().await;
    let (token, notice) = (bench.token().await, bench.world.app.get("/revocations").await.text);
    let client = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*notice)];
    let ask = async |change: &[(&str, &str)]| verdict(&bench.world.ask(change).await);
    let bearer = format!("Bearer {notice}");
    let verdicts = [
        ask(&[("subject_token", &notice)]).await,
        ask(&[("subject_token", &notice), ("subject_token_type", ACCESS_TOKEN)]).await,
        verdict(&bench.world.app.post(&[("grant_type", JWT_BEARER), ("assertion", &notice), ("audience", DEPLOY)]).await),
        verdict(&bench.world.app.post(&[("grant_type", "client_credentials"), client[0], client[1], ("audience", DEPLOY)]).await),
        refusal(&bench.ask_as_client(&notice, &token).await),
        refusal(&bench.post("/introspect", &[("authorization", &bearer)], &[("token", &token)]).await),
        bench.ask(&bench.bearer("introspect").await, &notice).await.text,
        format!("{} and nothing is revoked", bench.post("/revoke", &[], &[("token", &notice)]).await.status),
    ];
    insta::assert_snapshot!(verdicts.join("\n"), @r#"
    400 invalid_request rejected: unknown_issuer
    400 invalid_request rejected: typ_mismatch
    400 invalid_grant rejected: unknown_issuer
    401 invalid_client rejected: unknown_issuer
    401 invalid_client rejected: client_unproven | Bearer realm="cambist"
    401 invalid_token rejected: typ_mismatch | Bearer realm="cambist", error="invalid_token"
    {"active":false}
    200 OK and nothing is revoked
    "#);
    assert_eq!(part(&bench.world.app.get("/revocations").await.text, 1)["rules"], serde_json::json!([]));
}
