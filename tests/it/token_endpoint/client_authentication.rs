//! Clients have no secrets here: who shows one is refused, and a bare name proves nothing (RFC 6749 section 2.3).

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{FORM, verdict};

use super::world;

const GRANTED: &str = "200 deploy:web status:read";
const ASSERTION: (&str, &str) = ("client_assertion", "eyJ.eyJ.sig");
const ASSERTION_TYPE: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
const SECRET: (&str, &str) = ("client_secret", "mellon");

fn basic(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_needs_no_credentials() {
    assert_eq!(verdict(&world().await.ask(&[]).await), GRANTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_checked_even_where_none_are_needed() {
    let world = world().await;
    for (header, expected, why) in [
        (basic("web-shop:"), GRANTED, "a name without a password"),
        (basic("web%2Dshop:"), GRANTED, "form-decoded after base64"),
        (basic(":"), GRANTED, "nobody"),
        (basic("web-shop:mellon"), "401 invalid_client malformed: client_secret", "a password"),
        (basic("nobody:mellon"), "401 invalid_client malformed: client_secret", "whoever shows it"),
        (basic("web-shop"), "401 invalid_client malformed: authorization", "no colon"),
        (basic("web%zzshop:"), "401 invalid_client malformed: authorization", "a bad escape"),
        ("Basic !".to_owned(), "401 invalid_client malformed: authorization", "no base64"),
        ("Bearer eyJ.eyJ.sig".to_owned(), "401 invalid_client malformed: authorization (scheme)", "another scheme"),
    ] {
        let answer = world.post_with(&[("authorization", &header)], world.body()).await;
        assert_eq!(verdict(&answer), expected, "{why}: {header}");
        let challenge = if answer.status.as_u16() == 401 { "Basic realm=\"cambist\"" } else { "" };
        assert_eq!(answer.header("www-authenticate"), challenge, "{why}: {header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_or_an_assertion_in_the_body_is_a_failed_authentication() {
    let world = world().await;
    for (form, why) in [
        (&[SECRET][..], "a secret"),
        (&[("client_id", "web-shop"), SECRET], "a client with its secret"),
        (&[ASSERTION_TYPE, ASSERTION], "an assertion"),
        (&[ASSERTION], "an assertion without its type"),
        (&[ASSERTION_TYPE], "a type without its assertion"),
    ] {
        let answer = world.ask(form).await;
        assert_eq!(verdict(&answer), "401 invalid_client malformed: client_secret", "{why}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"cambist\"", "every 401 has a challenge");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_way_to_authenticate_in_a_request() {
    let world = world().await;
    let form = |extra: &[(&str, &str)]| {
        let extra = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(extra).finish();
        format!("{}&{extra}", world.body())
    };
    let (ambiguous, failed) = ("400 invalid_request malformed: client_secret", "401 invalid_client malformed: client_secret");
    for (header, extra, expected, why) in [
        (Some(basic("web-shop:")), &[SECRET][..], ambiguous, "a name in the header and a secret in the body"),
        (Some(basic("web-shop:mellon")), &[SECRET], ambiguous, "a password and a secret"),
        (Some(basic("web-shop:mellon")), &[ASSERTION_TYPE, ASSERTION], failed, "an assertion has a code of its own"),
        (Some(basic("web-shop:")), &[ASSERTION_TYPE, ASSERTION], failed, "also beside a bare name"),
        (None, &[ASSERTION_TYPE, ASSERTION, SECRET], failed, "and beside a secret"),
    ] {
        let headers: Vec<_> = header.iter().map(|header| ("authorization", header.as_str())).collect();
        assert_eq!(verdict(&world.post_with(&headers, form(extra)).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_and_the_form_name_one_client() {
    let world = world().await;
    for (client, expected) in [("web-shop", GRANTED), ("other", "400 invalid_request malformed: authorization (client_id differs)")] {
        let body = format!("{}&client_id={client}", world.body());
        assert_eq!(verdict(&world.post_with(&[("authorization", &basic("web-shop:"))], body).await), expected, "{client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorization_headers_are_refused() {
    let world = world().await;
    let twice = [("authorization", basic("web-shop:")), ("authorization", basic("web-shop:"))];
    let request = twice.iter().fold(Request::post("/token").header(FORM.0, FORM.1), |request, (name, value)| request.header(*name, value));
    let answer = world.app.send(request.body(Body::from(world.body())).unwrap()).await;
    assert_eq!(verdict(&answer), "400 invalid_request malformed: authorization (two headers)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_identifies_and_grants_nothing() {
    let world = world().await;
    for client in ["web-shop", "somebody-else", "https://deploy.example.com"] {
        let answer = world.ask(&[("client_id", client)]).await;
        assert_eq!(answer.token_part(1)["client_id"], "web-shop", "the relationship, whatever name was sent: {client}");
    }
    let stranger = world.token_with(&[("sub", "stranger".into())]);
    let answer = world.ask_with(&stranger, &[("client_id", "web-shop")]).await;
    assert_eq!(verdict(&answer), "400 invalid_request denied: no_relationship");
}
