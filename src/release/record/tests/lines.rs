//! What stands in a line.

use super::super::line::{Body, Ending, IssuedFacts, LINK_BYTES, Outcome, decision};
use super::support::*;
use crate::domain::{ClaimValue, Digest256, IssuerName, RelationshipName, Scopes, TargetName};
use crate::release::record::*;

fn ending<'a>(outcome: Outcome, reason: Option<&'static str>) -> Ending<'a> {
    Ending { node: "n1", outcome, reason, issued: None, latency_micros: 1_234 }
}

/// The body as a whole line, with what differs from run to run blanked.
fn shown(draft: &DecisionDraft, ending: &Ending<'_>) -> String {
    let body = String::from_utf8(decision(draft, ending).into()).unwrap();
    body.replace(&draft.id().to_string(), "<decision>")
}

fn relationship(name: &str) -> RelationshipName {
    RelationshipName::parse(name).unwrap()
}

#[test]
fn an_issued_line_says_everything() {
    let test = TestLog::new();
    let mut draft = test.unverified();
    draft.asked(Some("https://deploy.example"), Some("deploy:web"));
    draft.presented("https://issuer.example", Digest256::of(b"input"));
    draft.identified(IssuerName::parse("github").unwrap(), "repository_id=821093847");
    draft.trust_version(Digest256::of(b"trust"));
    draft.claims([("repository_id", ClaimValue::Text("821093847".into())), ("ref_protected", ClaimValue::Bool(true))]);
    let scopes = Scopes::parse("deploy:web status:read").unwrap();
    draft.permitted(&relationship("web-shop"), &TargetName::parse("deploy").unwrap(), &scopes);
    let issued = Some(IssuedFacts { jti: "jti-1", kid: "kid-1", expires_in: 600 });
    let line = shown(&draft, &Ending { issued, ..ending(Outcome::Issued, None) });
    insta::assert_snapshot!(line, @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","trust_version":"f796e2f28ae5811737ccb8233f34e09f8bb75d2511a135543d1ca37be0199a1d","outcome":"issued","issuer":"github","subject":"github:repository_id=821093847","target_asked":"https://deploy.example","scopes_asked":"deploy:web","relationship":"web-shop","target":"deploy","scopes_granted":"deploy:web status:read","claims":{"repository_id":"821093847","ref_protected":true},"jti":"jti-1","kid":"kid-1","expires_in":600,"input_sha256":"c96c6d5be8d08a12e7b5cdc1b207fa6b2430974c86803d8891675e76fd992c20","peer":"192.0.2.7","latency_us":1234}"##);
}

#[test]
fn a_denied_line_has_expected_and_actual() {
    let test = TestLog::new();
    let mut draft = test.verified();
    draft.missed(
        Some(&relationship("web-shop")),
        [
            FailedCondition::new("environment", &["production", "staging"], Some(&"dev")),
            FailedCondition::new("ref", &serde_json::json!({"glob": "refs/heads/release-*"}), None::<&ClaimValue>),
        ],
    );
    insta::assert_snapshot!(shown(&draft, &ending(Outcome::Denied, Some("condition_failed"))), @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","outcome":"denied","reason":"condition_failed","issuer":"github","subject":"github:repository_id=1","failed":[{"claim":"environment","expected":["production","staging"],"actual":"dev"},{"claim":"ref","expected":{"glob":"refs/heads/release-*"}}],"nearest":"web-shop","peer":"192.0.2.7","latency_us":1234}"##);
}

#[test]
fn before_the_signature_everything_a_stranger_wrote_is_under_unverified() {
    let test = TestLog::new();
    let mut draft = test.unverified();
    insta::assert_snapshot!(shown(&draft, &ending(Outcome::Malformed, Some("body_too_large"))), @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","outcome":"malformed","reason":"body_too_large","peer":"192.0.2.7","latency_us":1234}"##);
    draft.asked(Some("x\n{\"kind\":\"decision\"}"), Some("\u{202e}s\u{9b}"));
    draft.presented("https://\u{1b}[2Jevil.example", Digest256::of(b"input"));
    insta::assert_snapshot!(shown(&draft, &ending(Outcome::Rejected, Some("unknown_issuer"))), @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","outcome":"rejected","reason":"unknown_issuer","unverified":{"issuer":"https://\u001b[2Jevil.example","target_asked":"x\n{\"kind\":\"decision\"}","scopes_asked":"\u202es\u009b"},"input_sha256":"c96c6d5be8d08a12e7b5cdc1b207fa6b2430974c86803d8891675e76fd992c20","peer":"192.0.2.7","latency_us":1234}"##);
}

#[test]
fn no_text_makes_a_line_longer_than_its_limit() {
    let test = TestLog::new();
    let node = "n".repeat(200);
    for (unit, why) in [("a", "plain"), ("\0", "six times as long when escaped"), ("\u{e0001}", "a surrogate pair"), ("é", "two bytes")] {
        let long = unit.repeat(20_000);
        let mut draft = test.unverified();
        draft.peer = Some("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap());
        draft.asked(Some(&long), Some(&long));
        draft.presented(&long, Digest256::of(b""));
        draft.trust_version(Digest256::of(b""));
        let reason = Some("a_reason_that_is_as_long_as_the_longest_of_them");
        let worst = Ending { node: &node, latency_micros: u64::MAX, ..ending(Outcome::Unavailable, reason) };
        let length = decision(&draft, &worst).len() + LINK_BYTES;
        assert!(length <= MAX_UNVERIFIED_LINE_BYTES, "{why}, unverified: {length}");
        draft.identified(IssuerName::parse("github").unwrap(), &long);
        for (claims, conditions, omitted) in
            [(0, 0, None), (2, 0, None), (64, 2, Some(r#""omitted":["claims"]"#)), (1, 64, Some(r#""omitted":["claims","failed.values"]"#))]
        {
            draft.claims.clear();
            let names: Vec<_> = (0..claims).map(|index| format!("claim{index}")).collect();
            draft.claims(names.iter().map(|name| (name.as_str(), &long)));
            draft.missed(None, (0..conditions).map(|_| FailedCondition::new("c", &long, Some(&long))));
            let line = String::from_utf8(decision(&draft, &worst).into()).unwrap();
            assert!(line.len() + LINK_BYTES <= MAX_LINE_BYTES, "{why}, {claims} claims, {conditions} conditions: {}", line.len());
            assert_eq!(line.contains("omitted\":["), omitted.is_some(), "{why}, {claims} claims, {conditions} conditions");
            assert!(omitted.is_none_or(|omitted| line.contains(omitted)), "{why}: {line}");
        }
        draft.missed(None, (0..64).map(|_| FailedCondition::new(&long, &long, Some(&long))));
        assert!(decision(&draft, &worst).len() + LINK_BYTES <= MAX_LINE_BYTES, "{why}: long names of conditions");
    }
}

#[test]
fn a_value_that_is_too_long_leaves_its_size() {
    let test = TestLog::new();
    let mut draft = test.verified();
    draft.claims([("list", vec!["x".repeat(100); 100])]);
    let line = shown(&draft, &ending(Outcome::Denied, Some("scope")));
    assert!(line.contains(r#""claims":{"list":{"omitted_bytes":10301}}"#), "{line}");
}

#[test]
fn the_room_for_the_link_suffices() {
    let mut chain = super::super::chain::Chain { head: Head { seq: u64::MAX - 1, ..Head::before_all() } };
    let body = Body::new("start", 0, "n1").end();
    let mut out = Vec::new();
    chain.link(&body, 0, &mut out);
    assert_eq!(out.len(), body.len() + LINK_BYTES);
}
