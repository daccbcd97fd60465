//! What the decision log says of a request: everything, whatever the caller was told.

use serde_json::{Value, json};

use super::{job, world};

/// The line with what changes from run to run blanked, after its shape was checked.
fn shown(mut line: Value) -> String {
    let all_of = |text: &str, length: usize, set: fn(u8) -> bool| text.len() == length && text.bytes().all(set);
    for (name, length) in [
        ("decision", 26),
        ("trust_version", 64),
        ("input_sha256", 64),
        ("prev", 64),
        ("kid", 43),
        ("jti", 22),
        ("node", 0),
        ("seq", 0),
        ("latency_us", 0),
    ] {
        let Some(value) = line.get_mut(name) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        assert!(all_of(&text, if length == 0 { text.len() } else { length }, word), "{name}: {text}");
        *value = json!(format!("[{name}]"));
    }
    serde_json::to_string_pretty(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_token_has_its_line() {
    let world = world().await;
    let answer = world.ask_with(&job(&world, "release-7", &[]), &[("scope", "write")]).await;
    let line = world.recorded(&answer).await;
    assert_eq!(line["jti"], answer.token_part(1)["jti"]);
    assert_eq!(line["kid"], answer.token_part(0)["kid"]);
    insta::assert_snapshot!(shown(line), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "trust_version": "[trust_version]",
      "outcome": "issued",
      "grant": "token_exchange",
      "issuer": "github",
      "subject": "github:repository_id=604417739",
      "target_asked": "https://deploy.example.com",
      "scopes_asked": "write",
      "relationship": "release",
      "target": "deploy",
      "scopes_granted": "write",
      "claims": {
        "repository_id": "604417739",
        "repository_owner_id": "7730215",
        "actor_id": "3391845",
        "run_id": "18220094417",
        "run_attempt": "1",
        "sha": "3d1f0a5b9c7e42d8861b0f4e5a29c3d7b6e8f102",
        "environment": "production",
        "event_name": "push",
        "ref": "refs/heads/release-7"
      },
      "jti": "[jti]",
      "kid": "[kid]",
      "expires_in": 900,
      "input_sha256": "[input_sha256]",
      "latency_us": "[latency_us]"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_has_expected_and_actual_values() {
    let world = world().await;
    let token = job(&world, "feature-x", &[("environment", json!("dev"))]);
    let answer = world.ask_with(&token, &[("client_id", "release")]).await;
    insta::assert_snapshot!(shown(world.recorded(&answer).await), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "trust_version": "[trust_version]",
      "outcome": "denied",
      "reason": "condition_failed",
      "grant": "token_exchange",
      "issuer": "github",
      "subject": "github:repository_id=604417739",
      "target_asked": "https://deploy.example.com",
      "claims": {
        "repository_id": "604417739",
        "repository_owner_id": "7730215",
        "actor_id": "3391845",
        "run_id": "18220094417",
        "run_attempt": "1",
        "sha": "3d1f0a5b9c7e42d8861b0f4e5a29c3d7b6e8f102",
        "event_name": "push"
      },
      "failed": [
        {
          "claim": "environment",
          "expected": "one of \"production\", \"staging\"",
          "actual": "dev"
        },
        {
          "claim": "ref",
          "expected": "like refs/heads/release-*",
          "actual": "refs/heads/feature-x"
        }
      ],
      "nearest": "release",
      "input_sha256": "[input_sha256]",
      "latency_us": "[latency_us]"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_recorded_with_the_nearest_relationship() {
    let world = world().await;
    let answer = world.ask_with(&job(&world, "release-7", &[("repository_id", json!("1"))]), &[]).await;
    assert_eq!(answer.reason(), "denied: no_relationship");
    insta::assert_snapshot!(shown(world.recorded(&answer).await), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "trust_version": "[trust_version]",
      "outcome": "denied",
      "reason": "no_relationship",
      "grant": "token_exchange",
      "issuer": "github",
      "subject": "github:repository_id=1",
      "target_asked": "https://deploy.example.com",
      "claims": {
        "repository_id": "1",
        "repository_owner_id": "7730215",
        "actor_id": "3391845",
        "run_id": "18220094417",
        "run_attempt": "1",
        "sha": "3d1f0a5b9c7e42d8861b0f4e5a29c3d7b6e8f102",
        "environment": "production",
        "event_name": "push",
        "ref": "refs/heads/release-7"
      },
      "failed": [
        {
          "claim": "repository_id",
          "expected": "\"604417739\"",
          "actual": "1"
        }
      ],
      "nearest": "release",
      "input_sha256": "[input_sha256]",
      "latency_us": "[latency_us]"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_request_has_every_candidate() {
    let world = world().await;
    let answer = world.ask_with(&job(&world, "main", &[("workflow", json!("nightly"))]), &[]).await;
    let line = world.recorded(&answer).await;
    assert_eq!((&line["reason"], &line["relationships"]), (&json!("ambiguous"), &json!(["main", "nightly"])));
    let answer = world.ask_with(&job(&world, "main", &[]), &[("scope", "write")]).await;
    let line = world.recorded(&answer).await;
    assert_eq!((&line["reason"], &line["relationships"]), (&json!("scope"), &json!(["main"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_recorded_as_unverified() {
    let world = world().await;
    let unknown = job(&world, "main", &[("iss", json!("https://ev\"il.example"))]);
    let answer = world.ask_with(&unknown, &[("scope", "write")]).await;
    insta::assert_snapshot!(shown(world.recorded(&answer).await), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "outcome": "rejected",
      "reason": "unknown_issuer",
      "grant": "token_exchange",
      "unverified": {
        "issuer": "https://ev\"il.example",
        "target_asked": "https://deploy.example.com",
        "scopes_asked": "write"
      },
      "input_sha256": "[input_sha256]",
      "latency_us": "[latency_us]"
    }
    "#);
    let hidden = world.ask_with(&job(&world, "main", &[("iss", json!("https://a\u{202e}b.example"))]), &[]).await;
    assert_eq!(world.recorded(&hidden).await["unverified"]["issuer"], "https://a\u{202e}b.example");
    let log = std::fs::read_to_string(world.app.folder.path().join("state/decisions.jsonl")).unwrap();
    assert!(!log.contains('\u{202e}'), "what would turn the text around is escaped");
    let garbage = world.ask_with("garbage", &[]).await;
    insta::assert_snapshot!(shown(world.recorded(&garbage).await), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "outcome": "rejected",
      "reason": "malformed_token",
      "grant": "token_exchange",
      "unverified": {
        "target_asked": "https://deploy.example.com"
      },
      "latency_us": "[latency_us]"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_recorded_without_what_it_held() {
    let world = world().await;
    let answer = world.post_with(&[], "grant_type=mellon&%").await;
    insta::assert_snapshot!(shown(world.recorded(&answer).await), @r#"
    {
      "seq": "[seq]",
      "prev": "[prev]",
      "kind": "decision",
      "time": "2027-01-15T08:00:00.000Z",
      "node": "[node]",
      "decision": "[decision]",
      "outcome": "malformed",
      "reason": "form_syntax",
      "latency_us": "[latency_us]"
    }
    "#);
}
