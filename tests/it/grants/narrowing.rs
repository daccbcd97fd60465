//! Our own tokens come back for one purpose: to become narrower.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::{Fingerprint, Mark, Seconds};
use serde_json::{Value, json};

use crate::support::{DEPLOY, FORM, NOW, verdict};

use super::{REPORTS, TRUST, Two, Way};

/// A token for `deploy`, with both scopes and five minutes.
async fn own(world: &Two) -> (String, Value) {
    let answer = world.ask(Way::Exchange, &world.token(&[]), &[("audience", DEPLOY)]).await;
    (answer.token().unwrap(), answer.token_part(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_token_has_less_of_everything_and_remembers_where_it_comes_from() {
    let world = Two::new().await;
    let (first, said) = own(&world).await;
    world.app().clock.advance(Seconds(60));
    let second = world.narrow(&first, &[("scope", "use"), ("lifetime", "100")]).await;
    assert_eq!(verdict(&second), "200 use");
    let claims = second.token_part(1);
    // Its marks, and one for the key that signed it.
    let mut marks = said["rvk"].as_array().unwrap().clone();
    let (header, _) = first.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let key = Fingerprint::of(Mark::KEY_ID, header["kid"].as_str().unwrap());
    marks.push(json!(Mark::of(said["jti"].as_str().unwrap(), &key).as_str()));
    let expected = json!({
        "iss": said["iss"], "sub": said["sub"], "aud": said["aud"], "client_id": said["client_id"], "scope": "use",
        "iat": NOW + 60, "exp": NOW + 160, "jti": claims["jti"], "root_jti": said["jti"], "rvk": marks, "place": "production",
    });
    assert_eq!(claims, expected);
    assert_ne!(claims["jti"], said["jti"]);

    let third = world.narrow(&second.token().unwrap(), &[]).await;
    let claims = third.token_part(1);
    assert_eq!((&claims["exp"], &claims["scope"]), (&json!(NOW + 160), &json!("use")), "not later, not more, when nothing is asked");
    assert_eq!((&claims["root_jti"], &claims["rvk"]), (&said["jti"], &json!(marks)), "the first of the line, and no mark twice");
    assert_eq!(world.ci.recorded(&third).await["grant"], "token_exchange");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_gained_by_narrowing() {
    let world = Two::new().await;
    let (first, said) = own(&world).await;
    let narrower = world.narrow(&first, &[("scope", "use")]).await.token().unwrap();
    for (token, ask, expected, why) in [
        (&narrower, vec![("scope", "look")], "400 invalid_scope denied: scope", "a scope that was given up"),
        (&narrower, vec![("scope", "use look")], "400 invalid_scope denied: scope", "one of two"),
        (&first, vec![("scope", "mend")], "400 invalid_scope denied: scope", "a scope it never had"),
        (&first, vec![("audience", REPORTS)], "400 invalid_target denied: target", "another target of the same relationship"),
        (&first, vec![("audience", DEPLOY)], "200 look use", "its own target, named"),
        (&first, vec![("client_id", "pair")], "200 look use", "a name changes nothing here"),
    ] {
        assert_eq!(verdict(&world.narrow(token, &ask).await), expected, "{why}");
    }
    world.app().clock.advance(Seconds(200));
    let longer = world.narrow(&first, &[("lifetime", "3600")]).await;
    assert_eq!((&longer.token_part(1)["exp"], &longer.json()["expires_in"]), (&said["exp"], &json!(100)), "never later");
    world.app().clock.advance(Seconds(100));
    assert_eq!(verdict(&world.narrow(&first, &[]).await), "400 invalid_request rejected: expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_narrowed_only_where_its_grant_says_so_today() {
    let world = Two::new().await;
    let (first, _) = own(&world).await;
    let reports = world.ask(Way::Exchange, &world.token(&[]), &[("audience", REPORTS)]).await.token().unwrap();
    assert_eq!(verdict(&world.narrow(&reports, &[]).await), "400 invalid_request denied: not_narrowed", "the default");
    let grant = r#"{ target = "deploy", scopes = ["use", "look"], lifetime = "5m", narrow = true }"#;
    for (now, expected, why) in [
        (grant.replace(", narrow = true", ""), "400 invalid_request denied: not_narrowed", "taken out"),
        (grant.replace(r#""use", "look""#, r#""use""#), "400 invalid_scope denied: scope", "a scope was taken out"),
        (grant.replace("5m", "1m"), "200 look use", "shorter now"),
        (grant.into(), "200 look use", "as it was"),
    ] {
        world.app().change_trust(&TRUST.replacen(grant, &now, 1)).await;
        let answer = world.narrow(&first, &[]).await;
        assert_eq!(verdict(&answer), expected, "{why}");
        if why == "shorter now" {
            assert_eq!(answer.json()["expires_in"], 60, "by the grant of today");
        }
    }
    world.app().change_trust(&TRUST.replace("[trust.web-shop]", "[trust.web-shop-2]")).await;
    assert_eq!(verdict(&world.narrow(&first, &[]).await), "400 invalid_request denied: no_relationship", "the relationship is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_kept_and_the_newest_stands_outermost_up_to_four() {
    let world = Two::new().await;
    let first = world.together(&world.of("pair"), &world.actor(&[]), &[]).await;
    let mut token = first.token().unwrap();
    assert_eq!(world.narrow(&token, &[]).await.token_part(1)["act"], json!({"sub": "cluster:actor"}), "kept without a new one");
    let mut chain = json!({"sub": "cluster:actor"});
    for _ in 0..3 {
        let actor = world.actor(&[]);
        let answer = world.narrow(&token, &[("actor_token", &actor), ("actor_token_type", super::JWT)]).await;
        chain = json!({"sub": "cluster:actor", "act": chain});
        assert_eq!(answer.token_part(1)["act"], chain);
        token = answer.token().unwrap();
    }
    let actor = world.actor(&[]);
    let fifth = world.narrow(&token, &[("actor_token", &actor), ("actor_token_type", super::JWT)]).await;
    assert_eq!(verdict(&fifth), "400 invalid_request denied: actor_depth");
    let (plain, _) = own(&world).await;
    let unused = world.narrow(&plain, &[("actor_token", &actor), ("actor_token_type", super::JWT)]).await;
    assert_eq!(verdict(&unused), "400 invalid_request malformed: actor_unused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_is_narrowed_as_what_it_stands_for() {
    let world = Two::new().await;
    let handle = world.ask(Way::Exchange, &world.token(&[]), &[("audience", "https://shy.example")]).await.token().unwrap();
    assert!(handle.starts_with("cmb_"), "{handle}");
    let narrower = world.narrow(&handle, &[("lifetime", "30")]).await;
    assert_eq!(verdict(&narrower), "200 use");
    assert_eq!(narrower.json()["expires_in"], 30);
    let second = narrower.token().unwrap();
    assert!(second.starts_with("cmb_") && second != handle, "{second}");
    let mut forged = handle.clone();
    forged.replace_range(10..11, if &handle[10..11] == "A" { "B" } else { "A" });
    assert_eq!(verdict(&world.narrow(&forged, &[]).await), "400 invalid_request rejected: malformed_token", "an unknown one");
}

#[tokio::test(flavor = "multi_thread")]
async fn narrowed_tokens_fall_with_every_token_they_come_from() {
    for taken_back in 0..3 {
        let world = Two::new().await;
        let (mut token, mut said) = own(&world).await;
        let mut line = vec![(token.clone(), said.clone())];
        for _ in 0..3 {
            let next = world.narrow(&token, &[]).await;
            (token, said) = (next.token().unwrap(), next.token_part(1));
            line.push((token.clone(), said.clone()));
        }
        let between: Vec<_> = line[1..3].iter().map(|(_, claims)| claims["jti"].clone()).collect();
        assert_eq!((&said["root_jti"], &said["ancestors"]), (&line[0].1["jti"], &json!(between)));
        if taken_back == 1 {
            // By whoever holds it (RFC 7009).
            let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", &line[1].0).finish();
            let request = Request::post("/revoke").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
            assert_eq!(world.app().send(request).await.status.as_u16(), 200);
        } else {
            world.app().block("jti", line[taken_back].1["jti"].as_str().unwrap()).await;
        }
        for (at, (token, _)) in line.iter().enumerate() {
            let expected = if at < taken_back { "200 look use" } else { "400 invalid_request denied: revoked" };
            assert_eq!(verdict(&world.narrow(token, &[]).await), expected, "{at} of a line whose {taken_back} was taken back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_narrowed_tokens_has_an_end() {
    let world = Two::new().await;
    let (mut token, _) = own(&world).await;
    for _ in 0..8 {
        token = world.narrow(&token, &[]).await.token().unwrap();
    }
    assert_eq!(verdict(&world.narrow(&token, &[]).await), "400 invalid_request denied: line_length");
}
