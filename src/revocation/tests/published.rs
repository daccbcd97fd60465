//! What is published of rules, and a verifier that knows nothing else.

use std::collections::HashSet;

use super::*;

/// The published rules as they are written.
fn written(rules: &[Arc<Rule>], now: Timestamp) -> Value {
    let snapshot = Snapshot { version: 1, rules: rules.to_vec() };
    serde_json::to_value(snapshot.published(now)).unwrap()
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    Digest256::of_parts(parts).as_bytes().to_vec()
}

/// What a resource server finds that has this document and this token, by the words of `docs/resource-servers.md` and nothing of ours.
pub(super) fn refuses(rules: &[Arc<Rule>], token: &VerifiedToken) -> bool {
    let claims = serde_json::to_value(token.claims()).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut shown = vec![("target", text(&claims["aud"])), ("relationship", text(&claims["client_id"]))];
    shown.extend(token.key_id().map(|id| ("kid", id.to_owned())));
    shown.extend([("jti", text(&claims["jti"])), ("jti", text(&claims["root_jti"]))]);
    let mut party = &claims;
    while party.is_object() {
        let subject = text(&party["sub"]);
        shown.extend([("issuer", subject.split(':').next().unwrap().to_owned()), ("subject", subject.clone())]);
        party = &party["act"];
    }
    let shown: HashSet<_> = shown.iter().map(|(kind, value)| digest(&[kind.as_bytes(), &[0], value.as_bytes()])[..16].to_vec()).collect();
    let first = claims.get("root_jti").or(claims.get("jti")).map(text).unwrap_or_default();
    let marks: HashSet<_> = claims["rvk"].as_array().into_iter().flatten().map(text).collect();
    let has = |fingerprint: &Value| {
        let fingerprint = URL_SAFE_NO_PAD.decode(text(fingerprint)).unwrap();
        let mark = URL_SAFE_NO_PAD.encode(&digest(&[first.as_bytes(), &[0], &fingerprint])[..8]);
        shown.contains(&fingerprint) || marks.contains(&mark)
    };
    let early = |rule: &Value| rule["before"].as_u64().is_none_or(|before| claims["iat"].as_u64().unwrap() < before);
    let all = |rule: &Value| rule["all"].as_array().unwrap().iter().all(has);
    written(rules, NOW).as_array().unwrap().iter().any(|rule| early(rule) && all(rule))
}

#[test]
fn a_published_rule_says_what_must_match_and_until_when() {
    let claim = |value: &str, issuer: Option<&str>| Selector::Claim {
        path: ClaimPath::parse("repository_id").unwrap(),
        value: value.into(),
        issuer: issuer.map(|name| IssuerName::parse(name).unwrap()),
    };
    let of = |kind: &str, value: &str| Fingerprint::of(kind, value).to_string();
    for (rule, expected, why) in [
        (block(Selector::All), json!([{"all": []}]), "a block has no end; nothing to match is everything"),
        (
            Rule::cut_off(Selector::All, "r", "b", NOW),
            json!([{"all": [], "before": NOW.unix() + 6}]),
            "iat ≤ t + 5, and `before` is above it",
        ),
        (block(issuer("github")), json!([{"all": [of("issuer", "github")]}]), "an issuer"),
        (block(Selector::Own("a".into())), json!([{"all": [of("jti", "a")]}]), "a token"),
        (block(claim("web", None)), json!([{"all": [of("claim repository_id", "\"web\"")]}]), "a claim, as JSON"),
        (
            block(claim("82", Some("github"))),
            json!([
                {"all": [of("claim repository_id", "\"82\""), of("issuer", "github")]},
                {"all": [of("claim repository_id", "82"), of("issuer", "github")]},
            ]),
            "a text or a number, of one issuer",
        ),
    ] {
        assert_eq!(written(&[Arc::new(rule)], NOW), expected, "{why}");
    }
    assert_eq!(of("jti", "one"), "5n_7JQ6C37iUrY6mVmrfCQ", "22 characters");
}

#[test]
fn what_no_living_token_can_match_is_left_out() {
    let rules = |made: u64| [Arc::new(Rule::cut_off(issuer("github"), "r", "b", NOW - Seconds(made)))];
    // Issued at t + 5 by a node whose clock is ahead, for an hour, and accepted for a minute longer by a clock that is behind.
    for (age, expected, why) in [(0, 1, "new"), (3_670, 1, "a token may live"), (3_671, 0, "none can"), (86_400, 0, "a day")] {
        assert_eq!(written(&rules(age), NOW).as_array().unwrap().len(), expected, "{why}");
    }
    let old = Rule::block(issuer("github"), "r", "b", NOW - Seconds(86_400 * 365));
    assert_eq!(written(&[Arc::new(old)], NOW).as_array().unwrap().len(), 1, "a block counts for new tokens too");
}

#[tokio::test]
async fn a_token_that_its_holder_revoked_is_listed_for_as_long_as_anybody_may_accept_it() {
    let (place, clock) = (Place::sqlite(), clock());
    let _store = place.begin().await;
    let a = node(&place, "a", &clock).await;
    a.sync().await.unwrap();
    let own = token("self", &json!({"jti": "x", "sub": "github:job"}));
    a.revoke_token(&own).await.unwrap();
    a.sync().await.unwrap();
    // `exp` is in 300 s, the verifier of these tests has a leeway of 60 s, resource servers may have as much, clocks differ by 5 s.
    clock.advance(Seconds(300 + 60 + 60 + 4));
    assert_eq!(a.snapshot().published(clock.now()).len(), 1);
    clock.advance(Seconds(1));
    assert_eq!(a.snapshot().published(clock.now()).len(), 0);
}
