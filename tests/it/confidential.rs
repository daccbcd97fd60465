//! Tokens whose bearers cannot read them: encrypted to their target, or opaque. And grants for other servers, which are no access tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::Seconds;
use josekit::jwe::{self, ECDH_ES, JweDecrypter, RSA_OAEP_256};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256};
use serde_json::{Value, json};

use crate::support::{Answer, DEPLOY, REPORTS, TestApp, World, verdict};

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "once"

[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
max_lifetime = "15m"
scopes = { use = "Use it", look = "Look at it" }
MORE

[target.reports]
audience = "https://reports.example"
owner = "o@example.com"
scopes = { use = "Use it" }

[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To see what cannot be seen"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [
  { target = "deploy", scopes = ["use", "look"], NARROW },
  { target = "reports", scopes = ["use"] },
]
"#;

async fn world(more: &str) -> World {
    World::of(&TRUST.replace("MORE", more).replace("NARROW", "narrow = true")).await
}

/// `[target.deploy.encryption_key]` with the public part.
fn encryption_key(pair: &Jwk) -> String {
    let members = pair.to_public_key().unwrap();
    let members: Vec<_> = members.as_ref().iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("[target.deploy.encryption_key]\nkid = \"deploy-1\"\n{}", members.join("\n"))
}

/// What was encrypted, and the header.
fn decrypted(token: &str, pair: &Jwk) -> Option<(String, Value)> {
    let mut pair = pair.clone();
    pair.set_key_id("deploy-1");
    let decrypter: Box<dyn JweDecrypter> = match pair.key_type() {
        "RSA" => Box::new(RSA_OAEP_256.decrypter_from_jwk(&pair).unwrap()),
        _ => Box::new(ECDH_ES.decrypter_from_jwk(&pair).unwrap()),
    };
    let (jwt, header) = jwe::deserialize_compact(token, &*decrypter).ok()?;
    Some((String::from_utf8(jwt).unwrap(), Value::Object(header.claims_set().clone())))
}

/// The claims of a signed token, verified with our published keys.
async fn verified(world: &World, jwt: &str) -> Value {
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
    let published = world.app.get("/keys").await.json();
    let key = published["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("its key is published");
    let verifier = ES256.verifier_from_jwk(&serde_json::from_value(key.clone()).unwrap()).unwrap();
    serde_json::from_slice(&jws::deserialize_compact(jwt, &verifier).unwrap().0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_token_is_read_by_its_target_alone() {
    for (pair, alg) in [(Jwk::generate_ec_key(EcCurve::P384).unwrap(), "ECDH-ES"), (Jwk::generate_rsa_key(2048).unwrap(), "RSA-OAEP-256")] {
        let world = world(&encryption_key(&pair)).await;
        let answer = world.ask(&[]).await;
        assert_eq!(verdict(&answer), "200 look use", "{alg}");
        let token = answer.token().unwrap();
        assert_eq!((token.split('.').count(), &answer.json()["token_type"]), (5, &json!("Bearer")), "{alg}");
        let (jwt, mut header) = decrypted(&token, &pair).unwrap();
        header.as_object_mut().unwrap().remove("epk");
        assert_eq!(header, json!({"alg": alg, "enc": "A256GCM", "cty": "JWT", "kid": "deploy-1"}));
        let claims = verified(&world, &jwt).await;
        assert_eq!((claims["aud"].as_str(), claims["sub"].as_str()), (Some(DEPLOY), Some("ci:workload-example")), "{alg}");

        let line = world.recorded(&answer).await;
        assert_eq!((&line["jti"], &line["form"]), (&claims["jti"], &json!("encrypted")), "{alg}");
        let other = if alg == "ECDH-ES" { Jwk::generate_ec_key(EcCurve::P384) } else { Jwk::generate_rsa_key(2048) };
        assert!(decrypted(&token, &other.unwrap()).is_none(), "{alg}: another key");
        let elsewhere = world.app.exchange(&world.token(), REPORTS).await;
        assert_eq!(elsewhere.token().unwrap().split('.').count(), 3, "another target reads its tokens as they are");
    }
}

const OPAQUE: &str = "token_format = \"opaque\"";

async fn narrowed(world: &World, token: &str) -> Answer {
    let mut form = TestApp::form(token, DEPLOY);
    form.retain(|(name, _)| *name != "subject_token_type");
    form.extend([("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"), ("scope", "look")]);
    world.app.post(&form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_says_nothing_and_is_known_again() {
    let world = world(OPAQUE).await;
    let answer = world.ask(&[]).await;
    assert_eq!(verdict(&answer), "200 look use");
    let token = answer.token().unwrap();
    assert!(token.starts_with("cmb_") && token.len() == 54 && !token.contains('.'), "{token}");
    let line = world.recorded(&answer).await;
    assert_eq!((&line["form"], &line["outcome"]), (&json!("opaque"), &json!("issued")));
    assert!(line["jti"].is_string() && !line.to_string().contains("cmb_"), "{line}");

    let narrower = narrowed(&world, &token).await;
    assert_eq!(verdict(&narrower), "200 look", "what it stands for is found again");
    assert_ne!(narrower.token(), Some(token.clone()));
    let last = if token.ends_with('A') { 'B' } else { 'A' };
    let misspelt = narrowed(&world, &format!("{}{last}", &token[..53])).await;
    assert_eq!(misspelt.status.as_u16(), 400, "a wrong checksum");
    world.app.clock.advance(Seconds(1_000));
    assert_eq!(narrowed(&world, &token).await.status.as_u16(), 400, "it has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_same_opaque_token() {
    let world = world(OPAQUE).await;
    let (token, key) = (world.token(), "opaque-key-of-forty-characters-or-more-0");
    let body = |scope: &str| {
        let mut form = TestApp::form(&token, DEPLOY);
        form.push(("scope", scope));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
    };
    let headers = [("Idempotency-Key", key)];
    let first = world.post_with(&headers, body("use look")).await;
    world.app.clock.advance(Seconds(20));
    let again = world.post_with(&headers, body("use look")).await;
    assert_eq!((first.token(), first.status), (again.token(), again.status));
    assert_eq!((&first.json()["expires_in"], &again.json()["expires_in"]), (&json!(900), &json!(880)));
    assert_eq!(verdict(&narrowed(&world, &again.token().unwrap()).await), "200 look");
    let other = world.post_with(&headers, body("use")).await;
    assert_eq!(verdict(&other), "400 invalid_request rejected: replayed", "another request");

    let changed = TRUST.replace("MORE", OPAQUE).replace("NARROW", "narrow = true, lifetime = \"15m\", cap_to_subject = false");
    world.app.change_trust(&changed.replace("when = {", "claims = { whose = \"sub\" }\nwhen = {")).await;
    let changed = world.post_with(&headers, body("use look")).await;
    assert_eq!(verdict(&changed), "400 invalid_request rejected: replayed", "its record cannot say what trust says now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_another_server_is_no_access_token() {
    let world = World::of(&TRUST.replace("MORE", "authorization_server = true").replace(", NARROW", "").replace("15m", "1m")).await;
    let answer = world.ask(&[("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")]).await;
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("N_A"), &json!(60)), "{body}");
    assert_eq!(body["issued_token_type"], json!("urn:ietf:params:oauth:token-type:jwt"));
    assert_eq!(answer.token_part(0)["typ"], json!("JWT"));
    let claims = verified(&world, &answer.token().unwrap()).await;
    let said: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(said, ["iss", "sub", "aud", "scope", "iat", "exp", "jti"]);
    let access = world.ask(&[("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")]).await;
    assert_eq!(access.status.as_u16(), 400, "an access token is not to be had there: {}", verdict(&access));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_jwt_gets_one_it_can_read_or_a_grant() {
    let pair = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    let encrypted = encryption_key(&pair);
    let encrypted_grant = format!("authorization_server = true\n{encrypted}");
    for (more, expected, why) in [
        ("", "200 look use Bearer", "our access tokens are JWTs"),
        (&*encrypted, "400 invalid_target denied: target", "its bearer sees no JWT"),
        ("token_format = \"opaque\"", "400 invalid_target denied: target", "nor here"),
        ("authorization_server = true", "200 look use N_A", "a grant"),
        (&*encrypted_grant, "200 look use N_A", "a grant, whoever can read it"),
    ] {
        let trust = TRUST.replace("MORE", more).replace(", NARROW", "").replace("15m", "1m");
        let answer = World::of(&trust).await.ask(&[("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")]).await;
        let seen = format!("{} {}", verdict(&answer), answer.json()["token_type"].as_str().unwrap_or_default());
        assert_eq!(seen.trim_end(), expected, "{why}");
    }
}
