//! Every restriction of a relationship bites on every grant.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::Seconds;
use serde_json::{Value, json};

use crate::support::{DEPLOY, ISSUER, NOW, OWN_ISSUER, verdict};

use super::{PARTNER, REPORTS, TRUST, Two, Way};

/// What a grant answers, as `{bad}` (a token that is not accepted), `{unauthorized}` (a client that gets nothing) or in full.
fn expected(template: &str, way: Way) -> String {
    template.replace("{bad}", way.bad_token()).replace("{unauthorized}", way.unauthorized())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_restriction_of_a_relationship_bites_on_every_grant() {
    type Claims<'a> = &'a [(&'a str, Value)];
    type Asked<'a> = &'a [(&'a str, &'a str)];
    let world = Two::new().await;
    let deploy = ("audience", DEPLOY);
    let cases: [(Claims<'_>, Asked<'_>, &str, &str); 19] = [
        (&[], &[deploy], "200 look use", "all of it holds"),
        (&[], &[("resource", DEPLOY)], "200 look use", "the target as a resource"),
        (&[], &[deploy, ("scope", "look")], "200 look", "a part of the grant"),
        (&[], &[deploy, ("scope", "mend")], "400 invalid_scope denied: scope", "a scope of the target that is not granted"),
        (&[], &[deploy, ("scope", "use mend")], "400 invalid_scope denied: scope", "all or none"),
        (&[], &[deploy, ("scope", "a\"b")], "400 invalid_scope malformed: scope_syntax", "no scope at all"),
        (&[], &[("audience", "https://unknown.example")], "400 invalid_target denied: target", "an unknown target"),
        (&[], &[], "400 invalid_target denied: target", "none of several"),
        (&[], &[deploy, ("audience", REPORTS)], "400 invalid_target malformed: several_targets", "two targets"),
        (&[("environment", json!("staging"))], &[deploy], "{bad} denied: condition_failed (claims environment)", "a condition"),
        (&[("sub", json!("stranger"))], &[deploy], "{bad} denied: no_relationship", "the required pin"),
        (&[("sub", json!("pair"))], &[deploy], "{unauthorized} denied: actor_required", "two who must agree"),
        (&[("sub", json!("watched"))], &[deploy], "{unauthorized} denied: actor_required", "a witness who must be there"),
        (&[], &[("audience", "https://vault.example")], "400 invalid_dpop_proof denied: proof_required", "a key to be bound to"),
        (&[], &[("audience", "https://basement.example")], "400 invalid_request denied: certificate_required", "a certificate"),
        (&[("exp", json!(NOW - 61))], &[deploy], "{bad} rejected: expired", "the token's own end"),
        (&[("aud", json!("https://other.example"))], &[deploy], "{bad} rejected: aud_mismatch", "whom the token is for"),
        (&[("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))], &[deploy], "{bad} rejected: pop_required", "its bond"),
        (&[], &[deploy, ("lifetime", "0")], "400 invalid_request malformed: lifetime_syntax", "no lifetime"),
    ];
    for way in Way::ALL {
        for (claims, ask, template, why) in &cases {
            let answer = world.ask(way, &world.token(claims), ask).await;
            assert_eq!(verdict(&answer), expected(template, way), "{way:?}: {why}");
            if answer.status.as_u16() == 401 {
                assert_eq!(answer.header("www-authenticate"), "Basic realm=\"cambist\"", "every 401 has a challenge");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_says_the_same_whatever_the_grant() {
    let world = Two::new().await;
    let mut said = Vec::new();
    for way in Way::ALL {
        let answer = world.ask(way, &world.token(&[]), &[("audience", DEPLOY), ("scope", "use")]).await;
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 300, "{way:?}: the lifetime of the grant, not of the target");
        assert_eq!(body["issued_token_type"].is_string(), way == Way::Exchange, "a member of RFC 8693 only");
        assert!(body["refresh_token"].is_null(), "{way:?}");
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let mut claims = answer.token_part(1);
        for own in ["jti", "rvk"] {
            claims.as_object_mut().unwrap().remove(own);
        }
        said.push(claims);
        let line = world.ci.recorded(&answer).await;
        assert_eq!(line["outcome"], "issued");
    }
    assert_eq!(said[0]["place"], "production", "mapped claims");
    assert!(said.iter().all(|claims| *claims == said[0]), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_grant_lengthens_a_lifetime() {
    let world = Two::new().await;
    let ending = world.token(&[("exp", json!(NOW + 120))]);
    for way in Way::ALL {
        for (audience, lifetime, longest, why) in [
            (DEPLOY, "30", 30, "as asked"),
            (DEPLOY, "100000", 300, "clipped to the grant"),
            (REPORTS, "100000", 120, "capped to the subject token"),
            (REPORTS, "60", 60, "shorter than the cap"),
        ] {
            let answer = world.ask(way, &ending, &[("audience", audience), ("lifetime", lifetime)]).await;
            assert_eq!(answer.json()["expires_in"], longest, "{way:?}: {why}");
            assert_eq!(answer.token_part(1)["exp"], NOW + longest, "{way:?}: {why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_good_once_is_good_once_over_all_grants() {
    let world = Two::new().await;
    world.app().change_trust(&TRUST.replace("replay = \"reusable\"\ntoken_max_age = \"1h\"", "replay = \"once\"")).await;
    for first in Way::ALL {
        let token = world.token(&[]);
        assert_eq!(verdict(&world.ask(first, &token, &[("audience", DEPLOY)]).await), "200 look use", "{first:?}");
        for second in Way::ALL {
            let answer = world.ask(second, &token, &[("audience", DEPLOY)]).await;
            assert_eq!(verdict(&answer), format!("{} rejected: replayed", second.bad_token()), "{first:?}, then {second:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_names_the_one_relationship_where_it_authenticates() {
    let world = Two::new().await;
    let named = async |way, client: &str| verdict(&world.ask(way, &world.token(&[]), &[("audience", DEPLOY), ("client_id", client)]).await);
    for (client, ignored, why) in [
        ("web-shop", false, "the relationship of this workload"),
        ("pair", true, "a relationship of the same issuer, for another workload"),
        ("nobody", true, "no relationship at all"),
        ("Web Shop", true, "no name"),
    ] {
        for way in [Way::Exchange, Way::JwtBearer] {
            assert_eq!(named(way, client).await, "200 look use", "{way:?}: {why}");
        }
        let expected = if ignored { "401 invalid_client denied: no_relationship" } else { "200 look use" };
        assert_eq!(named(Way::ClientCredentials, client).await, expected, "{why}: the same answer, whether it exists or not");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_token_exchange_hands_out_grants_for_others() {
    let world = Two::new().await;
    for way in [Way::JwtBearer, Way::ClientCredentials] {
        let answer = world.ask(way, &world.token(&[]), &[("audience", PARTNER)]).await;
        assert_eq!(verdict(&answer), "400 invalid_target denied: target", "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_refused_by_every_grant() {
    let world = Two::new().await;
    world.app().clock.advance(Seconds(1));
    let blocked = world.app().block("relationship", "web-shop").await;
    for way in Way::ALL {
        let answer = world.ask(way, &world.token(&[]), &[("audience", DEPLOY)]).await;
        assert_eq!(verdict(&answer), format!("{} denied: revoked", way.unauthorized()), "{way:?}");
        assert_eq!(world.ci.recorded(&answer).await["reason"], "revoked", "{way:?}");
    }
    world.app().unblock(&blocked).await;
    for way in Way::ALL {
        assert_eq!(verdict(&world.ask(way, &world.token(&[]), &[("audience", DEPLOY)]).await), "200 look use", "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_key_is_blocked_also_where_the_token_leaves_its_name_out() {
    let world = Two::new().await;
    let key = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    world.app().web.publish(ISSUER, &json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "stolen", "x": x}]}));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = |header: &Value, id: &str| {
        let claims = json!({
            "iss": ISSUER, "sub": "workload-example", "environment": "production", "aud": OWN_ISSUER, "iat": NOW, "exp": NOW + 300, "jti": id,
        });
        let input = format!("{}.{}", part(header), part(&claims));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())))
    };
    let (named, nameless) = (json!({"alg": "EdDSA", "kid": "stolen"}), json!({"alg": "EdDSA"}));
    let ask = async |header: &Value, id: &str| verdict(&world.ask(Way::Exchange, &signed(header, id), &[("audience", DEPLOY)]).await);
    assert_eq!((ask(&named, "1").await, ask(&nameless, "2").await), ("200 look use".into(), "200 look use".into()));
    world.app().block("kid", "stolen").await;
    let revoked = String::from("400 invalid_request denied: revoked");
    assert_eq!((ask(&named, "3").await, ask(&nameless, "4").await), (revoked.clone(), revoked));
}
