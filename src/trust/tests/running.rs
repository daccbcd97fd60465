//! Trust tests, and the server's answers they stand for.

use insta::assert_snapshot;

use super::*;
use crate::domain::{ClaimPath, ClaimValue, IssuerName, RelationshipName, Scopes};
use crate::policy::{Ask, Parties, assess};
use crate::trust::claims::overlay;

fn run(relationships: &str) -> String {
    let trust = Trust::of(&[("base.toml", BASE), ("t.toml", relationships)]).load().unwrap();
    let diagnostics = Diagnostics::new();
    trust.run_tests(&diagnostics);
    let lines: Vec<_> =
        diagnostics.to_string().lines().filter_map(|line| line.split_once("t.toml").map(|(_, rest)| rest.to_owned())).collect();
    lines.join("\n")
}

#[test]
fn a_mismatch_says_what_was_expected_and_what_the_server_would_do() {
    let tests = r#"
[[trust.web.test]]
name = "permitted after all"
claims = { repository_id = "1" }
expect = "deny"
failed = ["repository_id"]
[[trust.web.test]]
name = "another repository"
expect = "permit"
[[trust.web.test]]
name = "the wrong condition"
claims = { event_name = "workflow_run" }
expect = "deny"
failed = ["event_name"]
[[trust.web.test]]
name = "a scope that is not granted"
claims = { repository_id = "1" }
scopes = ["write"]
expect = "permit"
[[trust.web.test]]
name = "a scope that is not granted, as expected"
claims = { repository_id = "1" }
scopes = ["write"]
expect = "deny"
"#;
    assert_snapshot!(run(&format!("{WEB}{tests}")), @r#"
    :13:1: error: trust.web.test: "permitted after all": expected a denial, got a permit by `web` for target `deploy` with scope "read"
    :18:1: error: trust.web.test: "another repository": expected a permit, got denied: no_relationship: `repository_id` wants "1", the token has "604417739"
    :21:1: error: trust.web.test: "the wrong condition": expected failed = ["event_name"], got failed = ["event_name", "repository_id"], denied: no_relationship: `event_name` wants none of "pull_request_target", "workflow_run", the token has "workflow_run"; `repository_id` wants "1", the token has "604417739"
    :26:1: error: trust.web.test: "a scope that is not granted": expected a permit, got denied: scope
    "#);
}

#[test]
fn other_relationships_of_the_issuer_take_part() {
    let other = WEB.replace("trust.web", "trust.also-web");
    let tests = r#"
[[trust.web.test]]
name = "two fit"
claims = { repository_id = "1" }
expect = "permit"
[[trust.web.test]]
name = "one is named"
claims = { repository_id = "1" }
client_id = "web"
expect = "permit"
[[trust.web.test]]
name = "the other is named"
claims = { repository_id = "1" }
client_id = "also-web"
expect = "permit"
"#;
    assert_snapshot!(run(&format!("{WEB}{other}{tests}")), @r#"
    :24:1: error: trust.web.test: "two fit": expected a permit, got denied: ambiguous between `also-web`, `web`; a workload names one as `client_id`, and so can a test
    :33:1: error: trust.web.test: "the other is named": expected a permit by this relationship, got one by `also-web` for target `deploy` with scope "read"
    "#);
}

#[test]
fn every_kind_of_condition_bites() {
    let base = BASE.replace("github-actions", "gitlab");
    let nested = "\"/job_config/kind\"";
    for (condition, claim, good, bad) in [
        ("ref = \"main\"", "ref", r#""main""#, r#""Main""#),
        ("ref = [\"main\", \"dev\"]", "ref", r#""dev""#, r#""devel""#),
        ("ref = { glob = \"v*\" }", "ref", r#""v1""#, r#""v1/x""#),
        ("groups_direct = { contains = \"a\" }", "groups_direct", r#"["b", "a"]"#, r#"["ab"]"#),
        ("runner_id = 7", "runner_id", "7", "8"),
        ("custom = true", "custom", "true", r#""true""#),
        ("custom = 1.5", "custom", "1.5", "1.25"),
        ("custom = -1", "custom", "-1", "1"),
        (&format!("{nested} = \"x\""), "/job_config/kind", r#""x""#, r#""y""#),
    ] {
        let text = WEB.replace("repository_id = \"1\"", &format!("project_id = \"1\"\n{condition}"));
        let trust = Trust::of(&[("base.toml", &base), ("t.toml", &text)]).load().unwrap();
        let holds = |value: Option<&str>| {
            let limits = crate::domain::JsonLimits { depth: 4, members: 4 };
            let value = value.map_or(ClaimValue::Null, |json| crate::domain::parse_json(json.as_bytes(), limits).unwrap());
            let path = |path: &str| ClaimPath::parse(path).unwrap();
            let claims = overlay(&Preset::named("gitlab").unwrap().example, &path("project_id"), ClaimValue::Text("1".into()));
            let claims = overlay(&claims, &path(claim), value);
            assess(&trust.policy, &Parties::alone(&IssuerName::parse("github").unwrap(), &claims), &Ask::default()).is_ok()
        };
        assert!(holds(Some(good)), "{condition} with {good}");
        assert!(!holds(Some(bad)), "{condition} with {bad}");
        assert!(!holds(None), "{condition} with null");
        assert!(!holds(Some("\"\"")), "{condition} with an empty string");
    }
}

#[test]
fn every_field_of_a_grant_bites() {
    let trust = Trust::of(&[
        ("base.toml", BASE),
        ("t.toml", &WEB.replace("scopes = [\"read\"]", "scopes = [\"read\"]\nlifetime = \"1m\"\ncap_to_subject = true")),
    ]);
    let trust = trust.load().unwrap();
    let claims = overlay(
        &Preset::named("github-actions").unwrap().example,
        &ClaimPath::parse("repository_id").unwrap(),
        ClaimValue::Text("1".into()),
    );
    let issuer = IssuerName::parse("github").unwrap();
    let granted = assess(&trust.policy, &Parties::alone(&issuer, &claims), &Ask::default()).unwrap();
    assert_eq!((granted.lifetime.0, granted.cap_to_subject), (60, true));
    let ask = |scopes, target: &str| Ask { scopes: Some(Scopes::parse(scopes).unwrap()), target: Some(target.into()), ..Ask::default() };
    assert!(assess(&trust.policy, &Parties::alone(&issuer, &claims), &ask("write", "https://deploy.test")).is_err());
    assert!(assess(&trust.policy, &Parties::alone(&issuer, &claims), &ask("read", "https://other.test")).is_err());
    assert!(assess(&trust.policy, &Parties::alone(&IssuerName::parse("other").unwrap(), &claims), &Ask::default()).is_err());
    assert!(trust.policy.relationship(&RelationshipName::parse("web").unwrap()).is_some());
}
