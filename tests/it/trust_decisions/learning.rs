//! A valid token of a shared issuer proves nothing about whom it is from: strangers learn nothing (decision 2).

use serde_json::json;

use crate::support::verdict;

use super::{job, world};

const STRANGER: &str = "400 invalid_request denied: no_relationship";

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_whatever_is_asked() {
    let world = world().await;
    let stranger = job(&world, "release-7", &[("repository_id", json!("1"))]);
    let mut answers = Vec::new();
    for change in [
        &[][..],
        &[("scope", "read")],
        &[("scope", "unheard-of")],
        &[("audience", "https://reports.example.com")],
        &[("audience", "https://nowhere.example")],
        &[("client_id", "release")],
        &[("client_id", "nobody")],
        &[("lifetime", "60")],
    ] {
        let answer = world.ask_with(&stranger, change).await;
        assert_eq!(verdict(&answer), STRANGER, "{change:?}");
        answers.push(answer.transcript());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "every answer is the same: {answers:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_caller_learns_the_names_of_claims_and_never_a_value() {
    let world = world().await;
    for (branch, claims, expected, why) in [
        ("feature", vec![("environment", json!("production"))], "condition_failed (claims ref)", "one claim"),
        ("feature", vec![("environment", json!("dev")), ("workflow", json!("other"))], "condition_failed (claims ref)", "of the nearest"),
        ("x", vec![("environment", json!(null)), ("event_name", json!("workflow_run"))], "condition_failed", "several"),
    ] {
        let answer = world.ask_with(&job(&world, branch, &claims), &[]).await;
        assert!(answer.reason().starts_with(&format!("denied: {expected}")), "{why}: {}", answer.reason());
        for value in ["production", "staging", "release", "nightly", "604417739"] {
            assert!(!answer.text.contains(value), "{why}: {} tells {value}", answer.text);
        }
    }
    let named = world.ask_with(&job(&world, "x", &[("environment", json!("dev"))]), &[("client_id", "release")]).await;
    assert_eq!(verdict(&named), "400 invalid_request denied: condition_failed (claims environment, ref)");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_signature_there_is_a_reason_and_nothing_else() {
    let world = world().await;
    let request = world.request().with("ref", "refs/heads/release-7");
    let forged = world.issuer.forge(&request).unwrap();
    for change in [&[][..], &[("scope", "write")], &[("audience", "https://nowhere.example")], &[("client_id", "release")]] {
        let answer = world.ask_with(&forged, change).await;
        assert_eq!(answer.json()["error"], "invalid_request", "{change:?}");
        assert_eq!(answer.reason(), "rejected: bad_signature", "{change:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_decision_twice() {
    let world = world().await;
    let token = job(&world, "release-7", &[]);
    let mut seen = std::collections::BTreeSet::new();
    for answer in [
        world.ask_with(&token, &[]).await,
        world.ask_with(&token, &[("scope", "x")]).await,
        world.ask_with("garbage", &[]).await,
        world.app.get("/token").await,
        world.post_with(&[], "%").await,
    ] {
        let id = answer.header("cambist-decision").to_owned();
        assert_eq!(world.recorded(&answer).await["decision"], id.as_str());
        if answer.token().is_none() {
            assert!(answer.json()["error_description"].as_str().unwrap().ends_with(&format!("; decision {id}")));
        }
        assert!(seen.insert(id), "each has its own");
    }
}
