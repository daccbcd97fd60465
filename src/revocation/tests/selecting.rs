//! Which rule refuses which token.

use super::*;
use crate::revocation::Jti;
use crate::revocation::facts::Facts;
use crate::revocation::index::Index;
use crate::revocation::text;

fn claim(path: &str, value: &str, issuer: Option<&str>) -> Selector {
    let issuer = issuer.map(|name| IssuerName::parse(name).unwrap());
    Selector::Claim { path: ClaimPath::parse(path).unwrap(), value: value.into(), issuer }
}

fn subject(text: &str) -> Selector {
    Selector::Subject(text.into())
}

fn target(audience: &str) -> Selector {
    Selector::Target(Audience::parse(audience).unwrap())
}

fn relationship(name: &str) -> Selector {
    Selector::Relationship(RelationshipName::parse(name).unwrap())
}

fn id(jti: &str) -> Selector {
    Selector::TokenId(Jti::parse(jti).unwrap())
}

fn kid(id: &str) -> Selector {
    Selector::KeyId(id.into())
}

/// Whether a rule refuses the exchange of a token of `github` by `web-shop` at `https://deploy.test`.
fn refuses_exchange(rule: Rule, claims: &Value) -> bool {
    let permit = permit(token("github", claims));
    let facts = Facts::of(permit.token()).used(permit.relationship().as_str(), permit.target().audience.as_str());
    Index::of([Arc::new(rule)].iter()).find(&facts).is_some()
}

/// Whether a rule refuses a token of ours.
fn refuses_own(rule: Rule, claims: &Value) -> bool {
    let token = token("self", claims);
    let rules = [Arc::new(rule)];
    let refused = Index::of(rules.iter()).find(&Facts::of(&token)).is_some();
    assert_eq!(published::refuses(&rules, &token), refused, "whoever does not ask us comes to the same verdict");
    refused
}

#[test]
fn a_block_refuses_what_is_presented() {
    let claims = json!({
        "jti": "run-1", "repository_id": "821093847", "run_attempt": 2, "fork": false, "groups": ["dev", "ops"],
        "kubernetes.io": {"namespace": "ci"}, "huge": 18_446_744_073_709_551_615_u64,
    });
    for (selector, expected, why) in [
        (Selector::All, true, "everything"),
        (issuer("github"), true, "its issuer"),
        (issuer("gitlab"), false, "another issuer"),
        (relationship("web-shop"), true, "the relationship that permits it"),
        (relationship("web"), false, "no prefix"),
        (subject("github:job"), true, "its subject, with the issuer in front"),
        (subject("job"), false, "without"),
        (subject("gitlab:job"), false, "of another issuer"),
        (target("https://deploy.test"), true, "the target it is to open"),
        (target("https://deploy.test/"), false, "compared exactly"),
        (target("sts"), false, "what it was presented to is we, not a target"),
        (id("run-1"), true, "its own id"),
        (Selector::Own("run-1".into()), false, "holders end tokens of ours, and an issuer may have chosen the same `jti`"),
        (id("run-2"), false, "another id"),
        (kid("key-1"), true, "the issuer's key"),
        (kid("key-2"), false, "another key"),
        (claim("repository_id", "821093847", None), true, "a string"),
        (claim("repository_id", "821093847", Some("github")), true, "of that issuer"),
        (claim("repository_id", "821093847", Some("gitlab")), false, "only of another issuer"),
        (claim("repository_id", "8210", None), false, "no prefix"),
        (claim("run_attempt", "2", None), true, "a number, as it is written"),
        (claim("run_attempt", "2.0", None), false, "not as it is not"),
        (claim("huge", "18446744073709551615", None), true, "a large one"),
        (claim("fork", "false", None), true, "a boolean"),
        (claim("groups", "ops", None), true, "one of a list"),
        (claim("groups", "op", None), false, "none of it"),
        (claim("/kubernetes.io/namespace", "ci", None), true, "below another"),
        (claim("kubernetes.io", "ci", None), false, "an object is nothing to compare"),
        (claim("absent", "x", None), false, "no such claim"),
    ] {
        assert_eq!(refuses_exchange(block(selector.clone()), &claims), expected, "{selector}: {why}");
    }
}

#[test]
fn a_block_refuses_what_we_issued() {
    // Marks are of the token that was issued first.
    let mark = |kind: &str, value: &str| Mark::of("own-1", &Fingerprint::of(kind, value));
    let at = |path: &str| Mark::claim(&ClaimPath::parse(path).unwrap());
    let claims = json!({
        "sub": "github:job", "aud": "https://deploy.test", "client_id": "web-shop", "jti": "own-2", "root_jti": "own-1",
        "act": {"sub": "cluster:pod", "act": {"sub": "okta:anna"}}, "repository": "mapped",
        "rvk": [
            mark(Mark::TOKEN_ID, "run-1"), mark(Mark::KEY_ID, "their-key"), mark(&at("repository_id"), "\"821093847\""),
            mark(&at("/k/attempt"), "2"), mark(Mark::ISSUER, "vault"), mark(Mark::SUBJECT, "vault:robot"),
        ],
    });
    for (selector, expected, why) in [
        (Selector::All, true, "everything"),
        (issuer("github"), true, "whom it is about"),
        (issuer("cluster"), true, "who acts"),
        (issuer("okta"), true, "who acted before"),
        (issuer("vault"), true, "who was witness, by its mark"),
        (issuer("self"), false, "not we: `all` is for that"),
        (issuer("gitlab"), false, "nobody"),
        (subject("github:job"), true, "`sub`"),
        (subject("cluster:pod"), true, "`act.sub`"),
        (subject("okta:anna"), true, "`act.act.sub`"),
        (subject("vault:robot"), true, "a witness, by its mark"),
        (subject("github:jo"), false, "nobody"),
        (relationship("web-shop"), true, "`client_id`"),
        (relationship("other"), false, "another"),
        (target("https://deploy.test"), true, "`aud`"),
        (target("https://other.test"), false, "another"),
        (id("own-2"), true, "its id"),
        (id("own-1"), true, "that of the token it was narrowed from"),
        (id("run-1"), true, "that of the token it was issued for, by its mark"),
        (id("run-2"), false, "another"),
        (kid("key-1"), true, "our key"),
        (kid("their-key"), true, "the issuer's, by its mark"),
        (kid("other"), false, "another"),
        (claim("repository_id", "821093847", None), true, "a claim of what it came from, by its mark"),
        (claim("repository_id", "821093847", Some("github")), true, "of that issuer"),
        (claim("repository_id", "821093847", Some("vault")), true, "perhaps of the witness: rather too much than too little"),
        (claim("repository_id", "821093847", Some("gitlab")), false, "of an issuer that has nothing to do with it"),
        (claim("repository_id", "1", None), false, "another value"),
        (claim("/k/attempt", "2", None), true, "a number"),
        (claim("repository", "mapped", None), false, "what we wrote there is not what an issuer said"),
    ] {
        assert_eq!(refuses_own(block(selector.clone()), &claims), expected, "{selector}: {why}");
    }
}

#[tokio::test]
async fn whoever_agrees_to_an_exchange_can_be_taken_back_too() {
    let (place, clock) = (Place::sqlite(), clock());
    let store = place.begin().await;
    for role in [ActorRole::Act, ActorRole::Witness] {
        for (selector, expected, why) in [
            (issuer("cluster"), true, "its issuer"),
            (subject("cluster:job"), true, "its subject"),
            (id("pod-1"), true, "its token"),
            (claim("pod", "a", Some("cluster")), true, "its claim"),
            (claim("pod", "a", Some("github")), false, "a claim of the other"),
            (issuer("github"), true, "the subject's issuer"),
            (relationship("web-shop"), true, "what both agree to"),
            (id("pod-2"), false, "another"),
        ] {
            let a = node(&place, "a", &clock).await;
            let rule = block(selector);
            publish(&store, &rule.clone().into(), &*clock).await.unwrap();
            a.sync().await.unwrap();
            let actor = token("cluster", &json!({"jti": "pod-1", "pod": "a"}));
            let permit = permit_with(token("github", &json!({"jti": "run-1"})), Some((actor, role)));
            assert_eq!(a.clear(permit, NOW).is_err(), expected, "{role:?}: {why}");
            let lift = Lift { rule: rule.id, by: "b".into(), made_at: NOW };
            publish(&store, &Change::Lift(lift), &*clock).await.unwrap();
        }
    }
}

#[test]
fn marks_are_of_one_token() {
    let claims =
        |first: &str| json!({"sub": "github:job", "jti": "own-2", "rvk": [Mark::of(first, &Fingerprint::of(Mark::TOKEN_ID, "run-1"))]});
    assert!(refuses_own(block(id("run-1")), &claims("own-2")));
    assert!(!refuses_own(block(id("run-1")), &claims("own-1")), "a mark that was copied from another token");
}

#[test]
fn a_cut_off_refuses_what_was_issued_before_it_and_no_more() {
    let rule = |before: u64| {
        let before = Timestamp::from_unix(before);
        Rule { kind: RuleKind::CutOff { before }, ..Rule::cut_off(issuer("github"), "r", "b", before) }
    };
    let iat = NOW.unix();
    for (before, inbound, own, why) in [
        (iat + 100, true, true, "long before"),
        (iat, true, true, "in the same second"),
        (iat - 5, true, true, "within what clocks of nodes differ by"),
        (iat - 6, true, false, "after it, by our clocks"),
        (iat - 15, true, false, "within what an issuer's clock may differ by too"),
        (iat - 16, false, false, "after it"),
    ] {
        let (presented, issued) = (json!({"iat": iat}), json!({"iat": iat, "sub": "github:job", "jti": "x"}));
        assert_eq!(refuses_exchange(rule(before), &presented), inbound, "inbound: {why}");
        assert_eq!(refuses_own(rule(before), &issued), own, "ours: {why}");
    }
    assert!(refuses_exchange(rule(1), &json!({"iat": null})), "who does not say when counts as before");
    assert!(!refuses_exchange(Rule { selector: issuer("gitlab"), ..rule(iat) }, &json!({"iat": null})), "what it does not select");
}

#[test]
fn of_several_rules_about_the_same_the_strictest_counts() {
    let early = Rule { kind: RuleKind::CutOff { before: NOW - Seconds(1_000) }, ..block(issuer("github")) };
    let late = Rule { kind: RuleKind::CutOff { before: NOW }, ..block(issuer("github")) };
    for rules in [[early.clone(), late.clone()], [late.clone(), early.clone()]] {
        let index = Index::of(rules.map(Arc::new).iter());
        let permit = permit(token("github", &json!({})));
        assert_eq!(index.find(&Facts::of(permit.token())), Some(late.id.clone()));
    }
    let index = Index::of([Arc::new(early), Arc::new(block(issuer("github")))].iter());
    assert!(index.find(&Facts::of(&token("github", &json!({})))).is_some());
}

#[test]
fn a_change_is_read_as_it_was_written() {
    let all = [
        Selector::All,
        issuer("github"),
        relationship("web-shop"),
        subject("github:a\u{202e}b\n\"c"),
        target("https://deploy.test"),
        id("run-1"),
        kid("key-1"),
        claim("/a~1b/c", "true", Some("github")),
        claim("a", "", None),
    ];
    let rules = all.into_iter().flat_map(|selector| [block(selector.clone()), Rule::cut_off(selector, "why\u{0}", "b", NOW)]);
    let lift = Change::Lift(Lift { rule: block(Selector::All).id, by: "b".into(), made_at: NOW });
    for change in rules.chain([Rule::of_token("j", NOW)]).map(Change::from).chain([lift]) {
        let written = text::write(&change);
        assert_eq!(text::read(change.id().as_str(), &written), Ok(change), "{written}");
    }
    let change = Change::from(block(issuer("github")));
    let (id, written) = (change.id(), text::write(&change));
    for (from, to, why) in [
        ("\"v\":1", "\"v\":2", "another version"),
        ("\"kind\"", "\"until\":1,\"kind\"", "a member that is not known may mean anything"),
        ("\"block\"", "\"cut_off\"", "a cut-off without its instant"),
        ("github", "GitHub", "no name"),
        ("\"select\"", "\"selects\"", "nothing selected must not become everything"),
        ("{", "", "no JSON"),
    ] {
        let broken = written.replacen(from, to, 1);
        assert_ne!(broken, written);
        assert!(text::read(id.as_str(), &broken).is_err(), "{why}: {broken}");
    }
}
