//! Who may ask: RFC 6750 at an endpoint of ours.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Bench, refusal};
use crate::support::{FORM, FromPeer as _};

const BEARER: &str = "Bearer realm=\"cambist\"";
const EITHER: &str =
    "Bearer realm=\"cambist\", DPoP realm=\"cambist\", algs=\"ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519\"";
const INVALID: &str = "Bearer realm=\"cambist\", error=\"invalid_token\"";

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_nothing_is_asked_for_an_access_token() {
    let bench = Bench::new().await;
    let answer = bench.post("/introspect", &[], &[("token", "x")]).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    401 Unauthorized
    cache-control: no-store
    content-type: application/json
    pragma: no-cache
    www-authenticate: Bearer realm="cambist", DPoP realm="cambist", algs="ES256 ES384 EdDSA PS256 PS384 PS512 RS256 RS384 RS512 Ed25519"
    {
      "error": "invalid_client",
      "error_description": "malformed: credentials_missing",
      "error_uri": "https://sts.example/errors#credentials_missing"
    }
    "#);
    let bearer = bench.bearer("introspect").await;
    let basic = format!("Basic {}", STANDARD.encode("deploy-api:"));
    let password = format!("Basic {}", STANDARD.encode("deploy-api:mellon"));
    let missing = format!("401 invalid_client malformed: credentials_missing | {EITHER}");
    let basic_missing = missing.replace(EITHER, &format!("Basic realm=\"cambist\", {EITHER}"));
    for (headers, form, expected, why) in [
        (
            &[("authorization", &*basic)][..],
            &[][..],
            basic_missing,
            "a name proves nothing; the challenge has its scheme (RFC 6749 section 5.2)",
        ),
        (&[], &[("access_token", &*bearer)], missing.clone(), "a token in the form is not read"),
        (
            &[("authorization", &password)],
            &[],
            "401 invalid_client malformed: client_secret | Basic realm=\"cambist\"".into(),
            "a password",
        ),
        (&[], &[("client_secret", "mellon")], format!("401 invalid_client malformed: client_secret | {BEARER}"), "a secret"),
        (
            &[("authorization", "Digest x")],
            &[],
            format!("401 invalid_client malformed: authorization (scheme) | {BEARER}"),
            "another scheme",
        ),
    ] {
        let form: Vec<_> = form.iter().chain(&[("token", "x")]).copied().collect();
        assert_eq!(refusal(&bench.post("/introspect", headers, &form).await), expected, "{why}");
    }
    let in_the_url = Request::post(format!("/introspect?access_token={bearer}")).header(FORM.0, FORM.1).body("token=x".into()).unwrap();
    assert_eq!(refusal(&bench.world.app.send(in_the_url).await), missing, "a token in the URL is none (RFC 6750 section 2.3)");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_for_us_and_allows_it() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let for_deploy = bench.world.ask_with(&bench.world.token_with(&[("sub", "inspector".into())]), &[]).await.token().unwrap();
    for (bearer, expected, why) in [
        (bench.bearer("introspect").await, "200  | ".into(), "as it must be"),
        (bench.bearer("introspect other").await, "200  | ".into(), "it may allow more"),
        (
            bench.bearer("other").await,
            "403 insufficient_scope denied: scope_missing | Bearer realm=\"cambist\", error=\"insufficient_scope\", scope=\"introspect\""
                .into(),
            "another scope",
        ),
        (for_deploy, format!("401 invalid_token rejected: aud_mismatch | {INVALID}"), "for somebody else"),
        (token.clone(), format!("401 invalid_token rejected: aud_mismatch | {INVALID}"), "the token in question"),
        (bench.world.token(), format!("401 invalid_token rejected: unknown_issuer | {INVALID}"), "a token of an issuer"),
        ("garbage".into(), format!("401 invalid_token rejected: malformed_token | {INVALID}"), "no token"),
        (String::new(), format!("401 invalid_token rejected: malformed_token | {INVALID}"), "nothing"),
    ] {
        let answer = bench.ask(&bearer, &token).await;
        let seen = if answer.status.as_u16() == 200 { "200  | ".into() } else { refusal(&answer) };
        assert_eq!(seen, expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_token_was_taken_back_is_nobody() {
    let bench = Bench::new().await;
    let (bearer, token) = (bench.bearer("introspect").await, bench.token().await);
    assert_eq!(bench.ask(&bearer, &token).await.json()["active"], true);
    assert_eq!(bench.post("/revoke", &[], &[("token", &bearer)]).await.status.as_u16(), 200);
    assert_eq!(refusal(&bench.ask(&bearer, &token).await), format!("401 invalid_token denied: revoked | {INVALID}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_way_to_say_who_asks() {
    let bench = Bench::new().await;
    let (bearer, token) = (format!("Bearer {}", bench.bearer("introspect").await), bench.token().await);
    let assertion = bench.assertion(|good| good);
    let form = [("client_assertion_type", super::ASSERTION_TYPE), ("client_assertion", &assertion), ("token", &token)];
    let both = bench.post("/introspect", &[("authorization", &bearer)], &form).await;
    assert_eq!(refusal(&both), format!("401 invalid_client malformed: authorization (two ways) | {BEARER}"));
    let twice = Request::post("/introspect").header(FORM.0, FORM.1).header("authorization", &bearer).header("authorization", &bearer);
    let twice = bench.world.app.send(twice.body(Body::from("token=x")).unwrap()).await;
    assert_eq!(refusal(&twice), "400 invalid_request malformed: authorization (two headers) | ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_too_often_is_limited() {
    let bench = Bench::with("[limits]\nper_peer = { rate = \"1/m\", burst = 1 }").await;
    for (path, status) in [("/introspect", 401), ("/introspect", 429), ("/revoke", 429), ("/token", 429)] {
        let request = Request::post(path).header(FORM.0, FORM.1).body("token=x".into()).unwrap();
        assert_eq!(bench.world.app.send(request.sent_by("192.0.2.1")).await.status.as_u16(), status, "{path}");
    }
    assert_eq!(
        bench.post("/introspect", &[], &[("token", "x")]).await.json()["error"],
        "invalid_client",
        "without an address nobody is limited"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_of_today_decides_who_may_ask() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let ask = async || bench.ask_as_client(&bench.assertion(|good| good), &token).await;
    assert_eq!(ask().await.json()["active"], true);
    let unnamed = super::TRUST.replace("\"deploy-api\", ", "");
    bench.world.app.change_trust(&unnamed).await;
    assert_eq!(ask().await.text, super::INACTIVE, "no longer named");
    bench.world.app.change_trust(&unnamed.replace("[client.deploy-api]", "[client.renamed]")).await;
    assert_eq!(refusal(&ask().await), format!("401 invalid_client rejected: client_unproven | {BEARER}"), "no longer registered");
}
