//! How often a subject token serves: the mode of its issuer, the fence, and clocks that step (decisions 14 to 18).

use std::fs;

use cambist::cli::dev_issuer::MintRequest;
use cambist::domain::{Seconds, Timestamp};
use serde_json::json;

use crate::support::{DEPLOY, NOW, OWN_ISSUER, REPORTS, TestApp, World, two_targets, verdict};

fn trust(mode: &str) -> String {
    two_targets(mode, r#"{ target = "deploy", scopes = ["use"] }, { target = "reports", scopes = ["use"] }"#)
}

const ISSUED: &str = "200 use";
const REPLAYED: &str = "400 invalid_request rejected: replayed";

#[tokio::test(flavor = "multi_thread")]
async fn the_mode_of_the_issuer_says_how_often_a_token_serves() {
    for (mode, expected) in [
        ("once", [ISSUED, REPLAYED, REPLAYED, REPLAYED]),
        ("once-per-target", [ISSUED, REPLAYED, ISSUED, REPLAYED]),
        ("reusable", [ISSUED, ISSUED, ISSUED, ISSUED]),
    ] {
        let world = World::of(&trust(mode)).await;
        let token = world.token();
        for (audience, expected) in [DEPLOY, DEPLOY, REPORTS, REPORTS].into_iter().zip(expected) {
            assert_eq!(verdict(&world.app.exchange(&token, audience).await), expected, "{mode}: {audience}");
        }
        let fresh = world.token();
        assert_eq!(verdict(&world.app.exchange(&fresh, DEPLOY).await), ISSUED, "{mode}: another token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_what_its_identifier_says_however_it_is_signed() {
    let world = World::of(&trust("once")).await;
    let named = |jti: &str, extra: u64| world.mint(&world.request().with("jti", jti).with("extra", extra));
    assert_eq!(verdict(&world.app.exchange(&named("a", 1), DEPLOY).await), ISSUED);
    assert_eq!(verdict(&world.app.exchange(&named("a", 1), DEPLOY).await), REPLAYED, "signed anew");
    assert_eq!(verdict(&world.app.exchange(&named("a", 2), DEPLOY).await), REPLAYED, "whatever else it says");
    assert_eq!(verdict(&world.app.exchange(&named("b", 1), DEPLOY).await), ISSUED);
    let unnamed = |extra: u64| world.mint(&world.request().with("jti", json!(null)).with("extra", extra));
    assert_eq!(verdict(&world.app.exchange(&unnamed(1), DEPLOY).await), ISSUED);
    assert_eq!(verdict(&world.app.exchange(&unnamed(1), DEPLOY).await), REPLAYED, "the signing input, and not its signature");
    assert_eq!(verdict(&world.app.exchange(&unnamed(2), DEPLOY).await), ISSUED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_spends_nothing() {
    let world = World::of(&trust("once")).await;
    let token = world.token();
    for change in
        [&[("scope", "unheard-of")][..], &[("audience", "https://nowhere.example")], &[("lifetime", "0")], &[("actor_token", "x")]]
    {
        assert!(world.ask_with(&token, change).await.token().is_none());
    }
    world.app.change_trust(&trust("once").replace("workload-example", "somebody-else")).await;
    assert_eq!(verdict(&world.ask_with(&token, &[]).await), "400 invalid_request denied: no_relationship");
    world.app.change_trust(&trust("once")).await;
    assert_eq!(verdict(&world.ask_with(&token, &[]).await), ISSUED, "once the rule is mended, the same token serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_presentations_at_once_one_gets_a_token() {
    let world = World::of(&trust("once")).await;
    let token = world.token();
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (app, token) = (world.app.clone(), token.clone());
        tasks.push(tokio::spawn(async move { verdict(&app.exchange(&token, DEPLOY).await) }));
    }
    let mut verdicts = Vec::new();
    for task in tasks {
        verdicts.push(task.await.unwrap());
    }
    verdicts.sort_unstable();
    assert_eq!(verdicts[0], ISSUED);
    assert!(verdicts[1..].iter().all(|verdict| verdict == REPLAYED), "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_refused_until_the_token_itself_is() {
    let world = World::of(&trust("once")).await;
    let token = world.mint(&MintRequest { expires_in: Some(120), ..world.request() });
    assert_eq!(verdict(&world.app.exchange(&token, DEPLOY).await), ISSUED);
    for (step, expected) in [
        (60, REPLAYED),
        (60, REPLAYED),
        (59, REPLAYED),
        (1, "400 invalid_request rejected: expired"),
        (600, "400 invalid_request rejected: expired"),
    ] {
        world.app.clock.advance(Seconds(step));
        assert_eq!(verdict(&world.app.exchange(&token, DEPLOY).await), expected, "{step} seconds later");
    }
}

/// A server whose store did not exist a moment ago.
async fn on_an_empty_store(mode: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("trust")).unwrap();
    fs::write(folder.path().join("trust/test.toml"), trust(mode)).unwrap();
    fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n")).unwrap();
    let settings = cambist::config::Settings::load(&folder.path().join("cambist.toml"), &cambist::document::Diagnostics::new()).unwrap();
    let now = std::sync::Arc::new(cambist::domain::ManualClock::at(Timestamp::from_unix(NOW)));
    cambist::app::App::prepare_store(&settings, now).await.unwrap();
    World::around(TestApp::start_in(folder).await.unwrap(), "oidc", "https://issuer.example")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_before_the_fence_is_told_when_a_new_one_helps() {
    let world = on_an_empty_store("once").await;
    let token = world.token();
    let answer = world.app.exchange(&token, DEPLOY).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    retry-after: 16
    {
      "error": "invalid_request",
      "error_description": "rejected: fenced; decision [decision]",
      "error_uri": "https://sts.example/errors#fenced"
    }
    "#);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    world.app.clock.advance(Seconds(wait - 1));
    assert_eq!(world.app.exchange(&world.token(), DEPLOY).await.reason(), "rejected: fenced", "not a second too early");
    world.app.clock.advance(Seconds(1));
    assert_eq!(world.app.exchange(&token, DEPLOY).await.reason(), "rejected: fenced", "the old token never");
    assert_eq!(verdict(&world.app.exchange(&world.token(), DEPLOY).await), ISSUED, "a new one as promised");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reusable_token_needs_no_history() {
    let world = on_an_empty_store("reusable").await;
    assert_eq!(verdict(&world.app.exchange(&world.token(), DEPLOY).await), ISSUED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_stops_what_needs_it() {
    let world = World::of(&trust("once")).await;
    assert_eq!(verdict(&world.app.exchange(&world.token(), DEPLOY).await), ISSUED);
    world.app.clock.step_to(Timestamp::from_unix(NOW - 5));
    assert_eq!(verdict(&world.app.exchange(&world.token(), DEPLOY).await), ISSUED, "a little is what clocks do");
    world.app.clock.step_to(Timestamp::from_unix(NOW - 6));
    let answer = world.app.exchange(&world.token(), DEPLOY).await;
    assert_eq!(verdict(&answer), "503 temporarily_unavailable unavailable: clock_offset");
    assert_ne!(answer.header("retry-after"), "");
    world.app.clock.step_to(Timestamp::from_unix(NOW));
    assert_eq!(verdict(&world.app.exchange(&world.token(), DEPLOY).await), ISSUED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_recorded_with_who_and_where() {
    let world = World::of(&trust("once")).await;
    let token = world.token();
    let (first, second) = (world.app.exchange(&token, DEPLOY).await, world.app.exchange(&token, REPORTS).await);
    let (first, second) = (world.recorded(&first).await, world.recorded(&second).await);
    assert_eq!((&second["outcome"], &second["reason"]), (&json!("rejected"), &json!("replayed")));
    assert_eq!(
        (&second["subject"], &second["relationship"], &second["target"]),
        (&json!("ci:workload-example"), &json!("web-shop"), &json!("reports"))
    );
    assert_eq!(first["input_sha256"], second["input_sha256"], "by this the first use is found");
    assert_eq!(second["first_used"], json!(first["time"].as_str().unwrap().split('.').next().map(|time| format!("{time}Z"))));
    assert!(second["jti"].is_null(), "no token was issued");
}
