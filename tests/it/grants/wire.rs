//! What each grant wants to be sent, and what it calls its refusals.

use cambist::exchange::{CLIENT_CREDENTIALS, JWT_BEARER};

use crate::support::{DEPLOY, verdict};

use super::{ACCESS_TOKEN, JWT, JWT_ASSERTION, Two, Way};

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_one_token() {
    let world = Two::new().await;
    let token = world.token(&[]);
    let pair = format!("{token},{token}");
    for (form, expected, why) in [
        (vec![("grant_type", JWT_BEARER)], "400 invalid_request malformed: parameter_missing (assertion)", "missing"),
        (vec![("grant_type", JWT_BEARER), ("assertion", "")], "400 invalid_request malformed: parameter_missing (assertion)", "empty"),
        (vec![("grant_type", JWT_BEARER), ("assertion", &*pair)], "400 invalid_grant rejected: malformed_token", "two, joined"),
        (
            vec![("grant_type", JWT_BEARER), ("assertion", &*token), ("assertion", &*token)],
            "400 invalid_request malformed: parameter_repeated (assertion)",
            "two parameters",
        ),
        (
            vec![("grant_type", JWT_BEARER), ("assertion", &*token), ("requested_token_type", ACCESS_TOKEN)],
            "400 invalid_request malformed: parameter_unsupported (requested_token_type)",
            "what another grant asks",
        ),
    ] {
        assert_eq!(verdict(&world.app().post(&form).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_want_an_assertion_and_nothing_beside_it() {
    let world = Two::new().await;
    let token = world.token(&[]);
    let (grant, audience) = (("grant_type", CLIENT_CREDENTIALS), ("audience", DEPLOY));
    let (kind, assertion) = (("client_assertion_type", JWT_ASSERTION), ("client_assertion", &*token));
    for (form, expected, why) in [
        (vec![grant, audience, kind, assertion], "200 look use", "the assertion of the platform"),
        (vec![grant, audience], "401 invalid_client malformed: parameter_missing (client_assertion)", "nobody authenticated"),
        (
            vec![grant, audience, ("client_id", "web-shop")],
            "401 invalid_client malformed: parameter_missing (client_assertion)",
            "a bare name",
        ),
        (vec![grant, audience, kind], "401 invalid_client malformed: client_assertion_type", "a type of nothing"),
        (vec![grant, audience, assertion], "401 invalid_client malformed: client_assertion_type", "without its type"),
        (
            vec![grant, audience, ("client_assertion_type", "urn:x"), assertion],
            "401 invalid_client malformed: client_assertion_type",
            "another type",
        ),
        (
            vec![grant, audience, ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"), assertion],
            "401 invalid_client rejected: unknown_issuer",
            "a token that is no JWT-SVID",
        ),
        (
            vec![grant, audience, kind, assertion, ("client_secret", "mellon")],
            "401 invalid_client malformed: client_secret",
            "and a secret",
        ),
        (vec![grant, audience, ("client_secret", "mellon")], "401 invalid_client malformed: client_secret", "a secret instead"),
        (
            vec![grant, audience, kind, assertion, ("subject_token", &*token)],
            "400 invalid_request malformed: parameter_unsupported (subject_token)",
            "what another grant presents",
        ),
    ] {
        let answer = world.app().post(&form).await;
        assert_eq!(verdict(&answer), expected, "{why}");
        let challenge = if answer.status.as_u16() == 401 { "Basic realm=\"cambist\"" } else { "" };
        assert_eq!(answer.header("www-authenticate"), challenge, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_comes_by_token_exchange_only() {
    let world = Two::new().await;
    let actor = world.actor(&[]);
    for way in [Way::JwtBearer, Way::ClientCredentials] {
        let form = [("audience", DEPLOY), ("actor_token", &*actor), ("actor_token_type", JWT)];
        let answer = world.ask(way, &world.of("pair"), &form).await;
        assert_eq!(verdict(&answer), "400 invalid_request malformed: parameter_unsupported (actor_token)", "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_ours_is_no_assertion() {
    let world = Two::new().await;
    let own = world.ask(Way::Exchange, &world.token(&[]), &[("audience", DEPLOY)]).await.token().unwrap();
    for way in [Way::JwtBearer, Way::ClientCredentials] {
        let answer = world.ask(way, &own, &[("audience", DEPLOY)]).await;
        assert_eq!(verdict(&answer), format!("{} rejected: unknown_issuer", way.bad_token()), "{way:?}");
    }
}
