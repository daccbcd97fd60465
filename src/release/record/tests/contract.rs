//! `docs/logging.md` is a contract: what stands in a line stands there too.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::super::line::IssuedFacts;
use super::support::*;
use crate::domain::{ClaimPath, ClaimValue, Claims, Digest256, Thumbprint};
use crate::policy::{Act, Denial};
use crate::release::record::*;
use crate::token::Bond;

const CONTRACT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/logging.md"));

/// A log that holds every kind of line and every member.
async fn complete(test: &TestLog) -> Vec<u8> {
    let log = test.open();
    let permit = test.permit();
    let mut draft = test.unverified();
    draft.verified(permit.token(), &[ClaimPath::parse("repository_id").unwrap()]);
    draft.trust_version(Digest256::of(b"trust"));
    draft.asked(Some("https://deploy.example.com"), Some("deploy:web"));
    draft.permitted(&permit);
    draft.scopes_granted = Some(permit.scopes().clone());
    let key = Some(Thumbprint::of(b"key"));
    let bond = Bond { key, certificate: key };
    let facts = IssuedFacts {
        jti: "jti-1",
        kid: "kid-1",
        expires_in: 600,
        act: Some(&Act::of("cluster:pod")),
        bond,
        form: Some("opaque"),
        repeats: true,
    };
    log.issued(log.reserve().unwrap(), &draft, facts).await.unwrap();
    for denial in [Denial::Condition(miss("dev")), Denial::Ambiguous { relationships: vec![permit.relationship().clone()] }] {
        let mut draft = test.verified();
        draft.denied(&denial);
        log.refused(draft, Refusal { outcome: Outcome::Denied, reason: denial.reason() }, None).await.unwrap();
    }
    let mut draft = test.verified();
    let names: Vec<_> = (0..64).map(|index| format!("claim{index}")).collect();
    let paths: Vec<_> = names.iter().map(|name| ClaimPath::parse(name).unwrap()).collect();
    let value = ClaimValue::Text("x".repeat(500).into());
    draft.recorded(&Claims::from_distinct(names.iter().map(|name| (name.as_str().into(), value.clone())).collect()), &paths);
    log.refused(draft, DENIED, None).await.unwrap();
    let mut draft = test.unverified();
    draft.presented("https://evil.example", Digest256::of(b"other"));
    draft.asked(Some("https://deploy.example.com"), Some("deploy:web"));
    for _ in 0..60 {
        log.noted(&draft, EXPIRED);
    }
    log.close().await.unwrap();
    let whole = test.content();
    fs::write(test.path(), [&whole[..], b"{\"seq\":"].concat()).unwrap();
    test.open().close().await.unwrap();
    test.content()
}

/// All member names, but those of `claims`, which are the token's.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                found.insert(name.clone());
                if !matches!(name.as_str(), "claims" | "expected" | "actual") {
                    members(member, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|member| members(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_member_and_every_kind_of_line_is_documented() {
    let test = TestLog::new();
    let content = complete(&test).await;
    let mut names = BTreeSet::new();
    for line in content.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()) {
        members(&line, &mut names);
    }
    assert!(names.len() > 30, "{names:?}");
    for name in names.into_iter().chain(kinds(&content)) {
        assert!(CONTRACT.contains(&format!("`{name}`")), "docs/logging.md does not name `{name}`");
    }
    for outcome in [Outcome::Denied, Outcome::Issued, Outcome::Limited, Outcome::Malformed, Outcome::Rejected, Outcome::Unavailable] {
        assert!(CONTRACT.contains(&format!("`{}`", outcome.name())), "docs/logging.md does not name `{}`", outcome.name());
    }
}

#[test]
fn the_example_in_the_contract_verifies() {
    let example = CONTRACT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let test = TestLog::new();
    let report = test.verify_bytes(example.as_bytes(), None);
    assert_eq!((report.faults, report.lines, report.checkpoints, report.unsigned_tail), (vec![], 7, 1, 0));
}
