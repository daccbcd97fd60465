//! What stands in a line.

use std::sync::Arc;

use super::super::body::{Body, LINK_BYTES};
use super::super::draft::Verified;
use super::super::line::{Ending, IssuedFacts, Outcome, decision};
use super::super::members::ClaimMembers;
use super::support::*;
use crate::domain::*;
use crate::policy::{Denial, FailedCondition, Miss};
use crate::release::record::*;
use crate::token::Bond;

fn ending<'a>(outcome: Outcome, reason: Option<&'static str>) -> Ending<'a> {
    Ending { node: "n1", outcome, reason, issued: None, latency_micros: 1_234 }
}

/// The body as a whole line, with what differs from run to run blanked.
fn shown(draft: &DecisionDraft, ending: &Ending<'_>) -> String {
    let body = String::from_utf8(decision(draft, ending)).unwrap();
    let body = body.replace(&draft.id().to_string(), "<decision>");
    draft.input.map_or(body.clone(), |input| body.replace(&input.to_string(), "<input>"))
}

#[test]
fn an_issued_line_says_everything() {
    let test = TestLog::new();
    let mut draft = test.unverified();
    draft.asked(Some("https://deploy.example.com"), Some("deploy:web"));
    draft.presented("https://ci.test", Digest256::of(b"input"));
    let permit = test.permit();
    draft.verified(permit.token(), &["repository_id", "protected", "absent"].map(|path| ClaimPath::parse(path).unwrap()));
    draft.trust_version(Digest256::of(b"trust"));
    draft.permitted(&permit);
    draft.scopes_granted = Some(permit.scopes().clone());
    let issued =
        Some(IssuedFacts { jti: "jti-1", kid: "kid-1", expires_in: 600, act: None, bond: Bond::default(), form: None, repeats: false });
    let line = shown(&draft, &Ending { issued, ..ending(Outcome::Issued, None) });
    insta::assert_snapshot!(line, @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","trust_version":"f796e2f28ae5811737ccb8233f34e09f8bb75d2511a135543d1ca37be0199a1d","outcome":"issued","issuer":"github","subject":"github:job","target_asked":"https://deploy.example.com","scopes_asked":"deploy:web","relationship":"web-shop","target":"deploy","scopes_granted":"deploy:web","claims":{"repository_id":"821093847","protected":true,"environment":"production"},"jti":"jti-1","kid":"kid-1","expires_in":600,"input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}"##);
}

#[test]
fn a_denied_line_has_what_the_denial_knows() {
    let test = TestLog::new();
    let name = |name| RelationshipName::parse(name).unwrap();
    let lines = [
        Denial::Condition(miss("dev\n")),
        Denial::NoRelationship { nearest: Some(miss("dev")) },
        Denial::NoRelationship { nearest: None },
        Denial::Lifetime { relationship: name("web-shop") },
        Denial::Ambiguous { relationships: vec![name("web-shop"), name("web-shop-2")] },
        Denial::Scope { relationships: vec![name("web-shop")] },
        Denial::Target { relationships: vec![] },
    ];
    let lines = lines.map(|denial| {
        let mut draft = test.verified();
        draft.denied(&denial);
        let line = shown(&draft, &ending(Outcome::Denied, Some(denial.reason())));
        line.split_once(r#""outcome":"denied","#).unwrap().1.to_owned()
    });
    insta::assert_snapshot!(lines.join("\n"), @r##"
    "reason":"condition_failed","issuer":"github","subject":"github:job","failed":[{"claim":"environment","expected":"production","actual":"dev\n"},{"claim":"ref","expected":"refs/heads/release-*"}],"nearest":"web-shop","input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"no_relationship","issuer":"github","subject":"github:job","failed":[{"claim":"environment","expected":"production","actual":"dev"},{"claim":"ref","expected":"refs/heads/release-*"}],"nearest":"web-shop","input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"no_relationship","issuer":"github","subject":"github:job","input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"lifetime","issuer":"github","subject":"github:job","relationship":"web-shop","input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"ambiguous","issuer":"github","subject":"github:job","relationships":["web-shop","web-shop-2"],"input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"scope","issuer":"github","subject":"github:job","relationships":["web-shop"],"input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "reason":"target","issuer":"github","subject":"github:job","input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}
    "##);
}

#[test]
fn before_the_signature_everything_a_stranger_wrote_is_under_unverified() {
    let test = TestLog::new();
    let mut draft = test.unverified();
    insta::assert_snapshot!(shown(&draft, &ending(Outcome::Malformed, Some("body_too_large"))), @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","outcome":"malformed","reason":"body_too_large","peer":"192.0.2.7","latency_us":1234}"##);
    draft.asked(Some("x\n{\"kind\":\"decision\"}"), Some("\u{202e}s\u{9b}"));
    draft.presented("https://\u{1b}[2Jevil.example", Digest256::of(b"input"));
    insta::assert_snapshot!(shown(&draft, &ending(Outcome::Rejected, Some("unknown_issuer"))), @r##""kind":"decision","time":"2030-03-17T17:46:40.000Z","node":"n1","decision":"<decision>","outcome":"rejected","reason":"unknown_issuer","unverified":{"issuer":"https://\u001b[2Jevil.example","target_asked":"x\n{\"kind\":\"decision\"}","scopes_asked":"\u202es\u009b"},"input_sha256":"<input>","peer":"192.0.2.7","latency_us":1234}"##);
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
        draft.verified = Some(Verified { issuer: IssuerName::parse(&"i".repeat(64)).unwrap(), subject: long.clone().into() });
        let value = ClaimValue::Text(long.clone().into());
        for (claims, conditions, omitted) in
            [(0, 0, None), (2, 0, None), (64, 2, Some(r#""omitted":["claims"]"#)), (1, 64, Some(r#""omitted":["claims","failed.values"]"#))]
        {
            draft.claims = ClaimMembers::default();
            let names: Vec<String> = (0..claims).map(|index| format!("claim{index}")).collect();
            let paths: Vec<_> = names.iter().map(|name| ClaimPath::parse(name).unwrap()).collect();
            draft.recorded(&Claims::from_distinct(names.iter().map(|name| (name.as_str().into(), value.clone())).collect()), &paths);
            let claim = Arc::new(ClaimPath::parse("c").unwrap());
            let condition = FailedCondition { claim, expected: long.clone(), actual: Some(value.clone()) };
            draft.missed(&Miss {
                relationship: RelationshipName::parse("r").unwrap(),
                failed: vec![condition; conditions],
                held: Vec::new(),
            });
            let line = String::from_utf8(decision(&draft, &worst)).unwrap();
            assert!(line.len() + LINK_BYTES <= MAX_LINE_BYTES, "{why}, {claims} claims, {conditions} conditions: {}", line.len());
            assert_eq!(line.contains("omitted\":["), omitted.is_some(), "{why}, {claims} claims, {conditions} conditions");
            assert!(omitted.is_none_or(|omitted| line.contains(omitted)), "{why}: {line}");
        }
        let claim = Arc::new(ClaimPath::parse(&"c".repeat(256)).unwrap());
        let condition = FailedCondition { claim, expected: long.clone(), actual: Some(value) };
        let relationship = RelationshipName::parse(&"r".repeat(64)).unwrap();
        draft.missed(&Miss { relationship: relationship.clone(), failed: vec![condition; 100], held: Vec::new() });
        draft.relationships = vec![relationship; 64];
        assert!(decision(&draft, &worst).len() + LINK_BYTES <= MAX_LINE_BYTES, "{why}: long names, and many");
    }
}

#[test]
fn a_value_that_is_too_long_leaves_its_size() {
    let test = TestLog::new();
    let mut draft = test.verified();
    let list = ClaimValue::List(vec![ClaimValue::Text("x".repeat(100).into()); 100]);
    draft.recorded(&Claims::from_distinct(vec![("list".into(), list)]), &[ClaimPath::parse("list").unwrap()]);
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
