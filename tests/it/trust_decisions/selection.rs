//! One relationship decides, or none: never the first that fits, never a union (decisions 4 to 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{TestApp, verdict};

use super::{TRUST, job, world};

const AMBIGUOUS: &str = "400 invalid_request denied: ambiguous";

#[tokio::test(flavor = "multi_thread")]
async fn several_relationships_that_permit_it_are_ambiguous() {
    let world = world().await;
    let both = job(&world, "main", &[("workflow", json!("nightly"))]);
    assert_eq!(verdict(&world.ask_with(&both, &[]).await), AMBIGUOUS);
    assert_eq!(verdict(&world.ask_with(&both, &[("scope", "read")]).await), AMBIGUOUS);
    let reports = world.ask_with(&both, &[("audience", "https://reports.example.com")]).await;
    assert_eq!(reports.token_part(1)["client_id"], "main", "one of them grants that target");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_one_of_several_grants_chooses_it() {
    let world = world().await;
    let both = job(&world, "release-7", &[("workflow", json!("nightly"))]);
    assert_eq!(verdict(&world.ask_with(&both, &[]).await), AMBIGUOUS);
    assert_eq!(world.ask_with(&both, &[("scope", "write")]).await.token_part(1)["client_id"], "release");
    assert_eq!(verdict(&world.ask_with(&both, &[("scope", "read")]).await), AMBIGUOUS, "both grant that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_names_the_relationship_in_the_form_or_in_the_header() {
    let world = world().await;
    let both = job(&world, "main", &[("workflow", json!("nightly"))]);
    for name in ["main", "nightly"] {
        assert_eq!(world.ask_with(&both, &[("client_id", name)]).await.token_part(1)["client_id"], name);
        let form = TestApp::form(&both, "https://deploy.example.com");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let basic = format!("Basic {}", STANDARD.encode(format!("{name}:")));
        assert_eq!(world.post_with(&[("authorization", &basic)], body).await.token_part(1)["client_id"], name, "by Basic");
    }
    assert_eq!(verdict(&world.ask_with(&both, &[("client_id", "nobody")]).await), AMBIGUOUS, "a name of nothing is ignored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_relationship_is_the_only_one_considered() {
    let world = world().await;
    let main = job(&world, "main", &[]);
    let answer = world.ask_with(&main, &[("client_id", "release")]).await;
    assert_eq!(verdict(&answer), "400 invalid_request denied: condition_failed (claims ref)", "no fallback to the one that permits it");
    let main = job(&world, "main", &[]);
    let theirs = world.ask_with(&main, &[("client_id", "forks")]).await;
    let nobodys = world.ask_with(&job(&world, "main", &[]), &[("client_id", "nobody")]).await;
    assert_eq!(verdict(&theirs), verdict(&nobodys), "one of another tenant is answered like one that does not exist");
    assert_eq!(theirs.token_part(1)["client_id"], nobodys.token_part(1)["client_id"], "and grants nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_the_only_one_in_common_is_meant() {
    let world = world().await;
    let release = job(&world, "release-7", &[]);
    let mut form = TestApp::form(&release, "");
    form.retain(|(name, _)| *name != "audience");
    assert_eq!(world.app.post(&form).await.token_part(1)["aud"], "https://deploy.example.com", "there is one");
    let main = job(&world, "main", &[]);
    let mut form = TestApp::form(&main, "");
    assert_eq!(verdict(&world.app.post(&form).await), "400 invalid_target denied: target", "there are two");
    let both = job(&world, "main", &[("workflow", json!("nightly"))]);
    form = TestApp::form(&both, "");
    form.push(("client_id", "nightly"));
    assert_eq!(world.app.post(&form).await.token_part(1)["aud"], "https://deploy.example.com", "the named one has one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_the_audience_byte_for_byte() {
    let world = world().await;
    let token = job(&world, "release-7", &[]);
    for audience in ["https://deploy.example.com/", "deploy", "https://DEPLOY.example.com", "https://reports.example.com"] {
        assert_eq!(verdict(&world.ask_with(&token, &[("audience", audience)]).await), "400 invalid_target denied: target", "{audience}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_glob_stays_within_its_segment() {
    let world = world().await;
    for (branch, permitted) in [("release-7", true), ("release-7/x", false), ("release-", false), ("xrelease-7", false)] {
        let answer = world.ask_with(&job(&world, branch, &[]), &[]).await;
        assert_eq!(answer.token().is_some(), permitted, "{branch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dangerous_events_are_refused_unless_they_are_named() {
    let world = world().await;
    for event in ["pull_request_target", "workflow_run"] {
        let answer = world.ask_with(&job(&world, "release-7", &[("event_name", json!(event))]), &[]).await;
        assert_eq!(verdict(&answer), "400 invalid_request denied: condition_failed (claims event_name)", "{event}");
    }
    let named = job(&world, "x", &[("repository_id", json!("777")), ("event_name", json!("pull_request_target"))]);
    let answer = world.ask_with(&named, &[("audience", "https://reports.example.com")]).await;
    assert_eq!(answer.token_part(1)["client_id"], "forks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_without_its_required_pin_does_not_load() {
    for (pin, why) in [
        ("actor_id = \"1\"", "an id, and not of the tenant"),
        ("repository_id = { glob = \"6*\" }", "a pattern pins nobody"),
        ("repository = \"harbour-lights/ferry-times\"", "a name that is given away again"),
    ] {
        let trust = TRUST.replacen("repository_id = \"604417739\"", pin, 1);
        let refused = TestApp::with_trust(&trust).await.err().unwrap_or_else(|| panic!("{why}: it loads"));
        assert!(refused.contains("repository_id") && refused.contains("trust.release"), "{why}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_relationship_denies_the_next_request() {
    let world = world().await;
    let token = job(&world, "release-7", &[]);
    assert!(world.ask_with(&token, &[]).await.token().is_some());
    let (before, after) = TRUST.split_once("[trust.release]").unwrap();
    let rest = &after[after.find("[trust.main]").unwrap()..];
    world.app.change_trust(&format!("{before}{rest}")).await;
    assert_eq!(verdict(&world.ask_with(&token, &[]).await), "400 invalid_request denied: condition_failed (claims ref)");
    world.app.change_trust("this is no trust file").await;
    let main = job(&world, "main", &[]);
    assert!(world.ask_with(&main, &[]).await.token().is_some(), "a broken change is refused whole");
    assert_eq!(world.app.admin("/readyz").await.json()["degraded"], json!(["trust_refused"]));
}
