//! `private_key_jwt` (RFC 7521 section 4.2, RFC 7523, draft-ietf-oauth-rfc7523bis).

use cambist::cli::dev_issuer::MintRequest;
use cambist::domain::Seconds;
use cambist::exchange::{JWT_BEARER, TOKEN_EXCHANGE};
use serde_json::{Value, json};

use super::{ASSERTION_TYPE, Bench, INACTIVE, refusal};
use crate::support::{DEPLOY, NOW, OWN_ISSUER, verdict};

const CHALLENGE: &str = "Bearer realm=\"cambist\"";

type Change = fn(MintRequest) -> MintRequest;

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_says_who_signed_it_for_whom_and_until_when() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let cases: [(Change, Option<&str>, &str); 21] = [
        (|good| good, None, "as it must be"),
        (|good| good.with("aud", json!([OWN_ISSUER])), None, "an audience as a list of one"),
        (|good| MintRequest { typ: "client-authentication+jwt".into(), ..good }, None, "its explicit type"),
        (|good| MintRequest { typ: "at+jwt".into(), ..good }, Some("client_unproven"), "another type"),
        (|good| good.with("aud", format!("{OWN_ISSUER}/token")), Some("aud_mismatch"), "the URL of the token endpoint"),
        (|good| good.with("aud", format!("{OWN_ISSUER}/introspect")), Some("aud_mismatch"), "the URL of this endpoint"),
        (|good| good.with("aud", json!([OWN_ISSUER, "https://other.example"])), Some("aud_multiple"), "a second audience"),
        (|good| good.with("aud", Value::Null), Some("aud_missing"), "no audience"),
        (|good| good.with("sub", "reports-api"), Some("client_mismatch"), "about another client"),
        (|good| good.with("iss", "nobody").with("sub", "nobody"), Some("client_unproven"), "nobody we know"),
        (|good| good.with("iss", "web-shop").with("sub", "web-shop"), Some("client_unproven"), "a relationship is no client"),
        (|good| good.with("iss", Value::Null), Some("client_unproven"), "by nobody"),
        (|good| good.with("jti", Value::Null), Some("jti_missing"), "without an id it could be used again"),
        (|good| good.with("exp", NOW + 300), None, "five minutes"),
        (|good| good.with("exp", NOW + 301), Some("lifetime_exceeded"), "longer"),
        (|good| good.with("exp", NOW + 3_600), Some("lifetime_exceeded"), "an hour"),
        (|good| good.with("exp", Value::Null), Some("exp_missing"), "for ever"),
        (|good| good.with("iat", Value::Null), Some("iat_missing"), "since nobody knows when"),
        (|good| good.with("iat", NOW - 200).with("exp", NOW - 61), Some("expired"), "over"),
        (|good| good.with("nbf", NOW + 61), Some("not_yet_valid"), "not yet"),
        (|good| good.with("sub", Value::Null), Some("sub_missing"), "about nobody"),
    ];
    for (index, (change, reason, why)) in cases.into_iter().enumerate() {
        // Each from an address of its own: failures are counted by address.
        let answer = bench.ask_as_client_from(&format!("192.0.2.{index}"), &bench.assertion(change), &token).await;
        match reason {
            None => assert_eq!(answer.json()["active"], true, "{why}: {}", answer.text),
            Some(reason) => assert_eq!(refusal(&answer), format!("401 invalid_client rejected: {reason} | {CHALLENGE}"), "{why}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_signed_by_its_client() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let forged =
        bench.client.forge(&MintRequest::of("oidc").with("iss", "deploy-api").with("sub", "deploy-api").with("exp", NOW + 60)).unwrap();
    let answer = bench.ask_as_client(&forged, &token).await;
    assert_eq!(refusal(&answer), format!("401 invalid_client rejected: client_unproven | {CHALLENGE}"));
    let keyless = bench.assertion(|good| good.with("iss", "gone").with("sub", "gone"));
    assert_eq!(
        refusal(&bench.ask_as_client(&keyless, &token).await),
        "503 temporarily_unavailable unavailable: issuer_keys_unavailable | "
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_without_a_key_which_clients_there_are() {
    let bench = Bench::with("[limits]\nper_peer = false").await;
    let token = bench.token().await;
    let of = |name: &str| MintRequest::of("oidc").with("iss", name).with("sub", name).with("iat", NOW).with("exp", NOW + 60);
    let late = |name: &str| of(name).with("exp", NOW - 600);
    // Under a key that its issuer publishes, and no client does.
    let elsewhere = |name: &str| bench.world.issuer.mint(&of(name)).unwrap();
    let forged = |request: &MintRequest| bench.client.forge(request).unwrap();
    let cut = |name: &str| forged(&of(name)).rsplit_once('.').unwrap().0.to_owned();
    let mut seen = Vec::new();
    for name in ["deploy-api", "nobody"] {
        let typed = MintRequest { typ: "at+jwt".into(), ..of(name) };
        let foreign = of(name).with("aud", "https://other.example");
        for assertion in [forged(&of(name)), forged(&late(name)), elsewhere(name), forged(&typed), forged(&foreign), cut(name)] {
            // Twice as many as pass at once, all from one address: nor does it show in what is counted.
            for _ in 0..2 {
                seen.push((name, bench.ask_as_client_from("192.0.2.1", &assertion, &token).await));
            }
        }
    }
    let first = seen[0].1.transcript();
    assert!(first.contains("rejected: client_unproven"), "{first}");
    for (at, (name, answer)) in seen.iter().enumerate() {
        match at {
            0..10 => assert_eq!(answer.transcript(), first, "{at}: {name}"),
            _ => assert_eq!(refusal(answer), "429 temporarily_unavailable limited: client_rate | ", "{at}: {name}"),
        }
    }
    assert_eq!(bench.ask_as_client_from("192.0.2.1", &bench.assertion(|good| good), &token).await.json()["active"], true);
    for (index, name) in ["deploy-api", "nobody"].into_iter().enumerate() {
        for assertion in [elsewhere(name), forged(&late(name)), cut(name)] {
            let peer = format!("192.0.2.{}", 10 + index);
            assert_eq!(bench.ask_as_client_from(&peer, &assertion, &token).await.transcript(), first, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_used_once() {
    let bench = Bench::new().await;
    let (token, assertion) = (bench.token().await, bench.assertion(|good| good));
    assert_eq!(bench.ask_as_client(&assertion, &token).await.json()["active"], true);
    assert_eq!(refusal(&bench.ask_as_client(&assertion, &token).await), format!("401 invalid_client rejected: replayed | {CHALLENGE}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_parameters_come_and_name_one_client() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let assertion = || bench.assertion(|good| good);
    let (first, second, third) = (assertion(), assertion(), assertion());
    let malformed = format!("401 invalid_client malformed: client_assertion | {CHALLENGE}");
    let spiffe = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
    for (form, expected, why) in [
        (&[("client_assertion", &*first)][..], malformed.clone(), "no type"),
        (&[("client_assertion_type", ASSERTION_TYPE)], malformed.clone(), "no assertion"),
        (&[("client_assertion_type", spiffe), ("client_assertion", &first)], malformed.clone(), "another type"),
        (
            &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &second), ("client_id", "reports-api")],
            format!("401 invalid_client rejected: client_mismatch | {CHALLENGE}"),
            "another client_id",
        ),
        (
            &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &third), ("client_id", "deploy-api")],
            String::new(),
            "the same",
        ),
    ] {
        let form: Vec<_> = form.iter().chain(&[("token", &*token)]).copied().collect();
        let answer = bench.post("/introspect", &[], &form).await;
        if expected.is_empty() {
            assert_eq!(answer.json()["active"], true, "{why}");
        } else {
            assert_eq!(refusal(&answer), expected, "{why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_no_grant_and_a_grant_no_assertion() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let assertion = || bench.assertion(|good| good);
    let exchanged = bench.world.app.exchange(&assertion(), DEPLOY).await;
    assert_eq!(verdict(&exchanged), "400 invalid_request rejected: unknown_issuer");
    let granted = bench.world.app.post(&[("grant_type", JWT_BEARER), ("assertion", &assertion()), ("audience", DEPLOY)]).await;
    assert_eq!(verdict(&granted), "400 invalid_grant rejected: unknown_issuer");
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion())];
    let credentials = bench.world.app.post(&form).await;
    assert_eq!(verdict(&credentials), "401 invalid_client rejected: unknown_issuer", "{TOKEN_EXCHANGE}");
    let subject = bench.world.token();
    assert_eq!(
        refusal(&bench.ask_as_client(&subject, &token).await),
        format!("401 invalid_client rejected: client_unproven | {CHALLENGE}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_from_before_the_fence_is_no_failure_of_its_client() {
    let bench = Bench::on_a_new_store().await;
    let from = async |assertion: String| bench.ask_as_client_from("192.0.2.1", &assertion, "x").await;
    for _ in 0..20 {
        let answer = from(bench.assertion(|good| good)).await;
        assert_eq!((refusal(&answer), answer.header("retry-after")), ("503 temporarily_unavailable unavailable: fenced | ".into(), "16"));
    }
    bench.world.app.clock.advance(Seconds(16));
    let later = bench.assertion(|good| good.with("iat", NOW + 16).with("exp", NOW + 76));
    assert_eq!(from(later).await.text, INACTIVE, "one that is made after that time");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_on_this_machine_are_counted_where_its_requests_are() {
    for (config, last) in [("", 401), ("[limits]\nper_peer = { rate = \"1000/s\" }", 429)] {
        let bench = Bench::with(config).await;
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(bench.ask_as_client_from("127.0.0.1", "x.y.z", "x").await.status.as_u16());
        }
        assert_eq!(statuses.last(), Some(&last), "{config}: {statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_too_often_is_told_so_and_locks_nobody_out() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let forged =
        || bench.client.forge(&MintRequest::of("oidc").with("iss", "deploy-api").with("sub", "deploy-api").with("exp", NOW + 60)).unwrap();
    let from = async |peer: &str, assertion: String| bench.ask_as_client_from(peer, &assertion, &token).await;
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(from("192.0.2.1", forged()).await.status.as_u16());
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 40]].concat());
    let limited = from("192.0.2.1", forged()).await;
    assert_eq!((refusal(&limited), limited.header("retry-after")), ("429 temporarily_unavailable limited: client_rate | ".into(), "1"));
    assert_eq!(from("192.0.2.2", forged()).await.status.as_u16(), 401, "another address has failed once");
    assert_eq!(from("192.0.2.1", bench.assertion(|good| good)).await.json()["active"], true, "and the client itself passes, from anywhere");
    let other = bench.assertion(|good| good.with("iss", "reports-api").with("sub", "reports-api"));
    assert_eq!(from("192.0.2.1", other).await.status.as_u16(), 200, "other clients as well");
    bench.world.app.clock.advance(Seconds(2));
    assert_eq!(from("192.0.2.1", forged()).await.status.as_u16(), 401);
}
