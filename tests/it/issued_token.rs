//! What we issue: RFC 9068, for every algorithm, with keys that strangers can fetch.

use cambist::domain::{Fingerprint, Mark};
use josekit::jwk::Jwk;
use josekit::jws::{self, ES256, EdDSA, JwsVerifier, RS256};
use serde_json::{Value, json};

use crate::support::{Answer, DEPLOY, ISSUER, NOW, World, part, verdict};

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"

[issuer.other]
preset = "oidc"
url = "https://other.example"
owner = "o@example.com"

[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
max_lifetime = "20m"
scopes = { use = "Use it", look = "Look at it" }

[target.rsa]
audience = "https://rsa.example"
owner = "o@example.com"
max_lifetime = "1h"
algorithm = "RS256"
scopes = { use = "Use it" }

[target.edwards]
audience = "https://edwards.example"
owner = "o@example.com"
max_lifetime = "5m"
algorithm = "EdDSA"
scopes = { use = "Use it" }

[target.capped]
audience = "https://capped.example"
owner = "o@example.com"
scopes = { use = "Use it" }

[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To see what is issued"
review_by = 2099-12-31
when = { sub = ["workload-example", "LONGEST"] }
claims = { commit = "sha", place = "/where/from" }

[[trust.web-shop.grant]]
target = "deploy"
scopes = ["use", "look"]
lifetime = "20m"

[[trust.web-shop.grant]]
target = "rsa"
scopes = ["use"]
lifetime = "1h"

[[trust.web-shop.grant]]
target = "edwards"
scopes = ["use"]

[[trust.web-shop.grant]]
target = "capped"
scopes = ["use"]
cap_to_subject = true

[trust.other]
issuer = "other"
owner = "o@example.com"
purpose = "The same subject of another issuer"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["use"] }]
"#;

async fn world() -> World {
    World::of(&TRUST.replace("LONGEST", &longest_subject())).await
}

fn longest_subject() -> String {
    "s".repeat(1024)
}

/// The claims of the token, after OpenSSL verified its signature with the key that we publish under its `kid`.
async fn verified_by_openssl(world: &World, answer: &Answer) -> Value {
    let token = answer.token().unwrap();
    let header = answer.token_part(0);
    let published = world.app.get("/keys").await.json();
    let key = published["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("its key is published");
    assert_eq!(key["alg"], header["alg"], "one algorithm for each key");
    let key: Jwk = serde_json::from_value(key.clone()).unwrap();
    let verifier: Box<dyn JwsVerifier> = match header["alg"].as_str().unwrap() {
        "ES256" => Box::new(ES256.verifier_from_jwk(&key).unwrap()),
        "RS256" => Box::new(RS256.verifier_from_jwk(&key).unwrap()),
        "EdDSA" => Box::new(EdDSA.verifier_from_jwk(&key).unwrap()),
        other => panic!("no such algorithm: {other}"),
    };
    let (payload, _) = jws::deserialize_compact(&token, &*verifier).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_is_an_access_token_of_rfc_9068() {
    let world = world().await;
    for (audience, algorithm, scope, lifetime) in [
        (DEPLOY, "ES256", "look use", 1200),
        ("https://rsa.example", "RS256", "use", 3600),
        ("https://edwards.example", "EdDSA", "use", 300),
    ] {
        let presented = world.token();
        let answer = world.ask_with(&presented, &[("audience", audience)]).await;
        let claims = verified_by_openssl(&world, &answer).await;
        let header = answer.token_part(0);
        assert_eq!(header, json!({ "alg": algorithm, "typ": "at+jwt", "kid": header["kid"] }), "{audience}: and nothing else");
        let jti = claims["jti"].as_str().unwrap();
        let mark = |kind: &str, value: &str| Mark::of(jti, &Fingerprint::of(kind, value)).to_string();
        assert!(jti.len() >= 16, "{jti}");
        let expected = json!({
            "iss": "https://sts.example",
            "sub": "ci:workload-example",
            "aud": audience,
            "client_id": "web-shop",
            "scope": scope,
            "iat": NOW,
            "exp": NOW + lifetime,
            "jti": jti,
            // By what it can be taken back although it does not say it.
            "rvk": [
                mark("jti", part(&presented, 1)["jti"].as_str().unwrap()),
                mark("kid", part(&presented, 0)["kid"].as_str().unwrap()),
                mark("claim sub", "\"workload-example\""),
            ],
        });
        assert_eq!(claims, expected, "{audience}: and nothing else");
        assert_eq!(answer.json()["expires_in"], lifetime, "{audience}: a number, the time until `exp`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_issued_token_is_another() {
    let world = world().await;
    let token = world.token();
    let (first, second) = (world.ask_with(&token, &[]).await, world.ask_with(&token, &[]).await);
    assert_ne!(first.token_part(1)["jti"], second.token_part(1)["jti"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audience_is_the_one_target_that_was_asked() {
    let world = world().await;
    let asked = world.ask_without("audience", &[("resource", "https://rsa.example")]).await;
    assert_eq!(asked.token_part(1)["aud"], "https://rsa.example", "a string, never a list");
    assert_eq!(
        verdict(&world.ask_without("audience", &[]).await),
        "400 invalid_target denied: target",
        "there is no default among several"
    );
    let target = TRUST.replace("audience = \"https://rsa.example\"", "audience = \"https://deploy.example.com\"");
    let refused = crate::support::TestApp::with_trust(&target).await.err().unwrap();
    assert!(refused.contains("audience"), "two targets never share an audience: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_belongs_to_its_issuer() {
    let world = world().await;
    let mine = world.ask(&[]).await;
    let other = World::around(world.app.clone(), "oidc", "https://other.example");
    let theirs = other.ask(&[]).await;
    assert_eq!(mine.token_part(1)["sub"], "ci:workload-example");
    assert_eq!(theirs.token_part(1)["sub"], "other:workload-example", "the same external subject of another issuer");
    let by_claim = TRUST.replacen("replay = \"reusable\"", "replay = \"reusable\"\nsubject = [\"repository_id\"]", 1);
    let world = World::of(&by_claim).await;
    let token = world.token_with(&[("repository_id", "77".into())]);
    assert_eq!(world.ask_with(&token, &[]).await.token_part(1)["sub"], "ci:repository_id=77");
    assert_eq!(verdict(&world.ask(&[]).await), "400 invalid_request rejected: sub_missing", "never another claim in its place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_is_asked_and_clipped() {
    let world = world().await;
    for (audience, asked, expected, why) in [
        (DEPLOY, None, 1200, "the grant"),
        (DEPLOY, Some("60"), 60, "as asked"),
        (DEPLOY, Some("1"), 1, "however short"),
        (DEPLOY, Some("1201"), 1200, "clipped to the grant"),
        (DEPLOY, Some("99999999999999999999999"), 1200, "however long"),
        ("https://edwards.example", None, 300, "clipped to the target"),
        ("https://edwards.example", Some("600"), 300, "whatever was asked"),
        ("https://rsa.example", Some("3601"), 3600, "never beyond an hour"),
    ] {
        let mut form = vec![("audience", audience)];
        form.extend(asked.map(|asked| ("lifetime", asked)));
        let answer = world.ask(&form).await;
        assert_eq!(answer.json()["expires_in"], expected, "{why}");
        assert_eq!(answer.token_part(1)["exp"], NOW + expected, "{why}");
    }
    let lines = TRUST.lines().filter(|line| !line.starts_with("max_lifetime") && !line.starts_with("lifetime"));
    let world = World::of(&lines.collect::<Vec<_>>().join("\n")).await;
    assert_eq!(world.ask(&[]).await.json()["expires_in"], 900, "fifteen minutes where nobody says anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_is_tied_to_the_subject_token_only_where_the_grant_says_so() {
    let world = world().await;
    let short = |seconds| world.mint(&cambist::cli::dev_issuer::MintRequest { expires_in: Some(seconds), ..world.request() });
    let capped = [("audience", "https://capped.example")];
    assert_eq!(world.ask_with(&short(120), &[]).await.json()["expires_in"], 1200, "it may outlive the token it was exchanged for");
    assert_eq!(world.ask_with(&short(120), &capped).await.json()["expires_in"], 120);
    assert_eq!(world.ask_with(&short(3_600), &capped).await.json()["expires_in"], 900, "a cap lengthens nothing");
    let within_leeway = short(1);
    world.app.clock.advance(cambist::domain::Seconds(30));
    assert_eq!(verdict(&world.ask_with(&within_leeway, &capped).await), "400 invalid_request denied: lifetime", "no time is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_carried_over_under_new_names() {
    let world = world().await;
    for (claims, commit, place, why) in [
        (vec![("sha", json!("3d1f0a5b"))], json!("3d1f0a5b"), Value::Null, "what is there"),
        (vec![("sha", json!(7)), ("where", json!({"from": ["a", "b"]}))], json!(7), json!(["a", "b"]), "with its type, from any depth"),
        (vec![("sha", json!("")), ("where", json!({}))], Value::Null, Value::Null, "an empty claim is none"),
        (vec![("commit", json!("forged"))], Value::Null, Value::Null, "only what the relationship names"),
    ] {
        let issued = world.ask_with(&world.token_with(&claims), &[]).await.token_part(1);
        assert_eq!((&issued["commit"], &issued["place"]), (&commit, &place), "{why}");
        assert_eq!(issued["sub"], "ci:workload-example", "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_has_no_actor() {
    let world = world().await;
    let token = world.token_with(&[("act", json!({"sub": "somebody"})), ("may_act", json!({"sub": "anybody"}))]);
    let issued = world.ask_with(&token, &[]).await.token_part(1);
    assert!(issued["act"].is_null() && issued["may_act"].is_null(), "nobody acts for anybody: {issued}");
    let stranger =
        world.token_with(&[("sub", json!("stranger")), ("may_act", json!({"sub": "workload-example", "client_id": "web-shop"}))]);
    assert_eq!(verdict(&world.ask_with(&stranger, &[]).await), "400 invalid_request denied: no_relationship", "a claim is no rule");
    for (claim, value, reason) in
        [("act", json!("ci"), "act_invalid"), ("may_act", json!("ci"), "may_act_invalid"), ("cnf", json!({}), "cnf_unsupported")]
    {
        let answer = world.ask_with(&world.token_with(&[(claim, value)]), &[]).await;
        assert_eq!(verdict(&answer), format!("400 invalid_request rejected: {reason}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_fits_into_a_header() {
    let world = world().await;
    let longest = world.token_with(&[("sub", longest_subject().into())]);
    for (token, most) in [(world.token(), 640), (longest, 2_048)] {
        for audience in [DEPLOY, "https://rsa.example", "https://edwards.example"] {
            let issued = world.ask_with(&token, &[("audience", audience)]).await.token().unwrap();
            let room = if audience == "https://rsa.example" { most + 256 } else { most };
            assert!(issued.len() <= room, "{audience}: {} bytes", issued.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_tokens_are_not_exchanged_again() {
    let world = world().await;
    let issued = world.ask(&[]).await.token().unwrap();
    for declared in ["jwt", "id_token", "access_token"] {
        let declared = format!("urn:ietf:params:oauth:token-type:{declared}");
        let answer = world.ask_with(&issued, &[("subject_token_type", &declared)]).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!("invalid_request")), "{declared}");
    }
    let ours = TRUST.replacen(ISSUER, "https://sts.example", 1);
    let refused = crate::support::TestApp::with_trust(&ours).await.err().unwrap();
    assert!(refused.contains("this server itself"), "{refused}");
}
