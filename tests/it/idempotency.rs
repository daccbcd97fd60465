//! Clients that repeat a request whose answer was lost (decision 19).

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::{Seconds, random_bytes};
use serde_json::{Value, json};

use crate::support::{Answer, DEPLOY, FORM, REPORTS, TestApp, Trail, World, two_targets, verdict};

const ISSUED: &str = "200 use";
const REPLAYED: &str = "400 invalid_request rejected: replayed";

const GRANT: &str = r#"{ target = "deploy", scopes = ["use"], lifetime = "10m" }"#;

async fn world() -> World {
    World::of(&two_targets("once", GRANT)).await
}

/// A key as a client makes it. It must never be logged.
fn new_key() -> String {
    let key = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
    Trail::secret(&key);
    key
}

type Form<'a> = Vec<(&'a str, &'a str)>;

async fn post(world: &World, key: Option<&str>, form: &Form<'_>) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers: Vec<_> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
    world.post_with(&headers, body).await
}

fn with<'a>(form: &Form<'a>, name: &'a str, value: &'a str) -> Form<'a> {
    let mut form: Form<'a> = form.iter().copied().filter(|(known, _)| *known != name).collect();
    form.push((name, value));
    form
}

fn identity(answer: &Answer) -> [Value; 3] {
    let claims = answer.token_part(1);
    ["jti", "iat", "exp"].map(|name| claims[name].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_repeated_with_the_same_token() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let form = TestApp::form(&token, DEPLOY);
    let first = post(&world, Some(&key), &form).await;
    assert_eq!(verdict(&first), ISSUED);
    for (wait, left) in [(0, 600), (30, 570), (30, 540)] {
        world.app.clock.advance(Seconds(wait));
        let again = post(&world, Some(&key), &form).await;
        assert_eq!(again.token_part(1), first.token_part(1), "every claim");
        assert_eq!(again.json()["expires_in"], json!(left));
    }
    world.app.clock.advance(Seconds(1));
    assert_eq!(verdict(&post(&world, Some(&key), &form).await), REPLAYED, "after a minute it is over, repeated or not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_has_a_line_of_its_own_that_says_so() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let form = TestApp::form(&token, DEPLOY);
    let first = post(&world, Some(&key), &form).await;
    world.app.clock.advance(Seconds(5));
    let (first, again) = (world.recorded(&first).await, world.recorded(&post(&world, Some(&key), &form).await).await);
    assert!(first.get("repeats").is_none());
    assert_eq!((&again["outcome"], &again["repeats"]), (&json!("issued"), &json!(true)));
    assert_eq!(again["jti"], first["jti"]);
    assert_eq!((&first["expires_in"], &again["expires_in"]), (&json!(600), &json!(595)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_same_request_with_the_same_key_is_a_repeat() {
    let world = World::of(&two_targets("once", r#"{ target = "deploy", scopes = ["use", "mend"], lifetime = "10m" }"#)).await;
    let other = new_key();
    for (change, repeats, why) in [
        (None, true, "nothing changed"),
        (Some(("scope", "use mend")), true, "the same scopes in another order"),
        (Some(("lifetime", "0300")), true, "the same lifetime"),
        (Some(("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")), true, "another name of the same type"),
        (Some(("unheard_of", "x")), true, "a parameter that nobody knows"),
        (Some(("scope", "use")), false, "other scopes"),
        (Some(("lifetime", "301")), false, "another lifetime"),
        (Some(("client_id", "web-shop")), false, "another relationship is meant, though it is the same"),
        (Some(("Idempotency-Key", &other)), false, "another key"),
        (Some(("Idempotency-Key", "")), false, "no key"),
    ] {
        let (key, token) = (new_key(), world.token());
        let form = with(&with(&TestApp::form(&token, DEPLOY), "scope", "mend use"), "lifetime", "300");
        let first = post(&world, Some(&key), &form).await;
        let again = match change {
            Some(("Idempotency-Key", "")) => post(&world, None, &form).await,
            Some(("Idempotency-Key", other)) => post(&world, Some(other), &form).await,
            Some((name, value)) => post(&world, Some(&key), &with(&form, name, value)).await,
            None => post(&world, Some(&key), &form).await,
        };
        if repeats {
            assert_eq!(identity(&again), identity(&first), "{why}");
        } else {
            assert_eq!(verdict(&again), REPLAYED, "{why}");
        }
    }
    let (key, token) = (new_key(), world.token());
    let form = TestApp::form(&token, DEPLOY);
    assert!(post(&world, None, &form).await.token().is_some());
    assert_eq!(verdict(&post(&world, Some(&key), &form).await), REPLAYED, "the first request had no key");
    let another = world.token();
    let (first, second) = (post(&world, Some(&key), &TestApp::form(&another, DEPLOY)).await, world.token());
    let second = post(&world, Some(&key), &TestApp::form(&second, DEPLOY)).await;
    assert_ne!(identity(&first)[0], identity(&second)[0], "one key for two subject tokens gives two tokens, each with its own id");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_once_get_the_same_token() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(&token, DEPLOY)).finish();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let request = axum::http::Request::post("/token").header(FORM.0, FORM.1).header("idempotency-key", &key);
        let (app, request) = (world.app.clone(), request.body(body.clone().into()).unwrap());
        tasks.push(tokio::spawn(async move { app.send(request).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.iter().all(|answer| identity(answer) == identity(&answers[0])));
    let lines = world.app.decisions();
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "issued").count(), 16);
    assert_eq!(lines.iter().filter(|line| line["repeats"] == true).count(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trust_of_now_decides_a_repeat() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let form: Form<'_> = TestApp::form(&token, DEPLOY).into_iter().filter(|(name, _)| *name != "audience").collect();
    let first = post(&world, Some(&key), &form).await;
    assert_eq!(verdict(&first), ISSUED);
    let before = two_targets("once", GRANT);
    for (now, expected, why) in [
        (before.replace("workload-example", "nobody"), "400 invalid_request denied: no_relationship", "trust was removed"),
        (two_targets("once", &GRANT.replace("10m", "9m")), REPLAYED, "today's token would end earlier"),
        (two_targets("once", &GRANT.replace("10m", "11m")), ISSUED, "today's token would end later, and this one does not"),
        (two_targets("once", &GRANT.replace(r#"["use"]"#, r#"["use", "mend"]"#)), "200 mend use", "what is granted is decided anew"),
        (two_targets("once", &GRANT.replace("deploy", "reports")), REPLAYED, "another target"),
        (two_targets("once-per-target", GRANT), ISSUED, "the issuer's mode was changed, which forgets what was spent"),
        (before, ISSUED, "as it was"),
    ] {
        world.app.change_trust(&now).await;
        let again = post(&world, Some(&key), &form).await;
        assert_eq!(verdict(&again), expected, "{why}");
        if expected.starts_with("200") && !now.contains("once-per-target") {
            assert_eq!(identity(&again), identity(&first), "{why}");
        } else if expected.starts_with("200") {
            assert_ne!(identity(&again)[0], identity(&first)[0], "{why}: another token has another id");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_not_repeated() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let form = with(&TestApp::form(&token, DEPLOY), "lifetime", "20");
    assert_eq!(verdict(&post(&world, Some(&key), &form).await), ISSUED);
    world.app.clock.advance(Seconds(19));
    assert_eq!(post(&world, Some(&key), &form).await.json()["expires_in"], json!(1));
    world.app.clock.advance(Seconds(1));
    assert_eq!(verdict(&post(&world, Some(&key), &form).await), REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_a_repeat_of_its_own() {
    let world = World::of(&two_targets("once-per-target", &format!(r#"{GRANT}, {{ target = "reports", scopes = ["use"] }}"#))).await;
    let (key, token) = (new_key(), world.token());
    let mut seen = Vec::new();
    for audience in [DEPLOY, REPORTS] {
        let form = TestApp::form(&token, audience);
        let (first, again) = (post(&world, Some(&key), &form).await, post(&world, Some(&key), &form).await);
        assert_eq!(identity(&first), identity(&again), "{audience}");
        seen.push(identity(&first));
    }
    assert_ne!(seen[0][0], seen[1][0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_nothing_for_a_reusable_token() {
    let world = World::of(&two_targets("reusable", GRANT)).await;
    let (key, token) = (new_key(), world.token());
    let form = TestApp::form(&token, DEPLOY);
    let (first, again) = (post(&world, Some(&key), &form).await, post(&world, Some(&key), &form).await);
    assert_ne!(identity(&first)[0], identity(&again)[0], "each is an exchange of its own");
    assert!(world.recorded(&again).await.get("repeats").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_key_is_refused_before_anything_is_spent() {
    let world = world().await;
    let (token, good) = (world.token(), new_key());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(&token, DEPLOY)).finish();
    let (short, long, quoted) = ("k".repeat(31), "k".repeat(129), format!("\"{good}\""));
    let plain = "malformed: idempotency_key";
    for (values, expected, why) in [
        (&[short.as_str()][..], plain, "too short"),
        (&[long.as_str()], plain, "too long"),
        (&[""], plain, "empty"),
        (&[quoted.as_str()], plain, "quoted"),
        (&["0123456789 0123456789 0123456789 ."], plain, "other characters"),
        (&[&good, &good], "malformed: idempotency_key (two headers)", "twice"),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("idempotency-key", *value)).collect();
        let answer = world.post_with(&headers, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.reason()), (400, expected.to_owned()), "{why}");
        assert!(!answer.text.contains(&good), "nothing is echoed");
    }
    assert_eq!(verdict(&world.post_with(&[("idempotency-key", &good)], body).await), ISSUED, "nothing was spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_store_nor_log_hold_the_key_and_the_store_holds_no_id() {
    let world = world().await;
    let (key, token) = (new_key(), world.token());
    let form = TestApp::form(&token, DEPLOY);
    let answer = post(&world, Some(&key), &form).await;
    assert_eq!(verdict(&post(&world, Some(&key), &form).await), ISSUED);
    let jti = answer.token_part(1)["jti"].as_str().unwrap().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&jti).unwrap();
    let state = world.app.folder.path().join("state");
    for file in fs::read_dir(&state).unwrap() {
        let (path, log) = (file.unwrap().path(), state.join("decisions.jsonl"));
        let content = fs::read(&path).unwrap();
        let holds = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(key.as_bytes()), "{}: the key", path.display());
        assert!(path == log || !holds(jti.as_bytes()) && !holds(&bytes), "{}: the id of the token", path.display());
    }
}
