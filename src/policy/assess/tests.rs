use super::*;
use crate::domain::{Audience, ClaimPath, ClaimValue, Scope, TargetName, Timestamp};
use crate::policy::{ClaimMatcher, Condition, Scalar, TrustPolicyBuilder};
use crate::token::Algorithm;

fn target(name: &str) -> Arc<Target> {
    let scopes = ["read", "write"].map(|scope| (Scope::parse(scope).unwrap(), String::new()));
    let audience = Audience::parse(&format!("https://{name}.test")).unwrap();
    let target = Target::new(TargetName::parse(name).unwrap(), audience, "o", Seconds(900), Algorithm::Es256);
    Arc::new(Target { scopes: scopes.into(), ..target })
}

fn is(claim: &str, value: &str) -> Condition {
    Condition { claim: ClaimPath::parse(claim).unwrap().into(), matcher: ClaimMatcher::Exact(Scalar::Text(value.into())) }
}

fn grant(name: &str, scopes: &str) -> Grant {
    Grant::new(target(name), Scopes::parse(scopes).unwrap(), Seconds(600))
}

fn relationship(name: &str, conditions: &[Condition], grants: &[Grant]) -> TrustRelationship {
    let name = RelationshipName::parse(name).unwrap();
    let issuer = IssuerName::parse("ci").unwrap();
    let mut rule = TrustRelationship::new(name, issuer, "o".into(), "p", Timestamp::MAX);
    rule.conditions = conditions.into();
    rule.grants = grants.to_vec().into();
    rule.with_pins(&[vec![ClaimPath::parse("repository_id").unwrap()]]).unwrap()
}

fn policy(relationships: Vec<TrustRelationship>) -> TrustPolicy {
    let mut builder = TrustPolicyBuilder::default();
    for rule in relationships {
        builder.relationship(rule);
    }
    builder.build()
}

fn claims(pairs: &[(&str, &str)]) -> Claims {
    Claims::from_distinct(pairs.iter().map(|(name, value)| ((*name).into(), ClaimValue::Text((*value).into()))).collect())
}

/// The answer in one word, with what a test wants to see of it.
fn answer(policy: &TrustPolicy, claims: &Claims, ask: &Ask) -> String {
    let list = |names: &[RelationshipName]| names.iter().map(RelationshipName::as_str).collect::<Vec<_>>().join(" ");
    match assess(policy, &Parties::alone(&IssuerName::parse("ci").unwrap(), claims), ask) {
        Ok(granted) => format!("permit {} {} [{}] {}", granted.relationship.name, granted.target.name, granted.scopes, granted.lifetime),
        Err(Denial::Ambiguous { relationships }) => format!("ambiguous {}", list(&relationships)),
        Err(Denial::Condition(miss)) => {
            let failed: Vec<_> = miss.failed.iter().map(|failed| failed.claim.as_str()).collect();
            format!("condition {} {}", miss.relationship, failed.join(" "))
        }
        Err(Denial::Lifetime { relationship }) => format!("lifetime {relationship}"),
        Err(Denial::NoRelationship { nearest }) => {
            format!("stranger {}", nearest.map_or(String::new(), |miss| miss.relationship.to_string()))
        }
        Err(Denial::Scope { relationships }) => format!("scope {}", list(&relationships)),
        Err(Denial::Target { relationships }) => format!("target {}", list(&relationships)),
        Err(other) => other.reason().to_owned(),
    }
}

fn ask(target: Option<&str>, scopes: Option<&str>) -> Ask {
    Ask { target: target.map(Into::into), scopes: scopes.map(|scopes| Scopes::parse(scopes).unwrap()), ..Ask::default() }
}

#[test]
fn one_relationship_is_chosen_by_the_six_steps() {
    let policy = policy(vec![
        relationship("web", &[is("repository_id", "1"), is("env", "prod")], &[grant("a", "read write"), grant("b", "read")]),
        relationship("web-ro", &[is("repository_id", "1")], &[grant("a", "read")]),
        relationship("other", &[is("repository_id", "2"), is("env", "prod"), is("ref", "main")], &[grant("a", "read")]),
    ]);
    let prod = claims(&[("repository_id", "1"), ("env", "prod")]);
    let staging = claims(&[("repository_id", "1"), ("env", "staging")]);
    let (a, b) = (Some("https://a.test"), Some("https://b.test"));
    for (claims, ask, expected, why) in [
        (&prod, ask(a, Some("write")), "permit web a [write] 600s", "only one covers the scope"),
        (&prod, ask(a, Some("read")), "ambiguous web web-ro", "two cover it: never the first that fits"),
        (&prod, ask(a, None), "ambiguous web web-ro", "the whole grant of which?"),
        (&prod, ask(b, None), "permit web b [read] 600s", "no scope asked: the whole grant"),
        (&prod, ask(None, Some("write")), "permit web a [write] 600s", "the one target common to all that hold"),
        (&prod, ask(a, Some("read admin")), "scope web web-ro", "all asked scopes or none"),
        (&prod, ask(Some("https://a.test/"), None), "target web web-ro", "byte for byte"),
        (&prod, ask(Some("https://c.test"), None), "target web web-ro", "an unknown target is told like an ungranted one"),
        (&staging, ask(a, None), "permit web-ro a [read] 600s", "only one holds"),
        (&staging, ask(b, None), "target web-ro", "what holds does not grant it"),
        (&claims(&[("repository_id", "2"), ("env", "prod")]), ask(a, None), "condition other ref", "the nearest miss names the claim"),
        (&claims(&[("repository_id", "3"), ("env", "prod")]), ask(a, None), "stranger web", "no pin holds: a stranger"),
        (&claims(&[("repository_id", "3"), ("env", "prod")]), ask(Some("x"), None), "stranger web", "a stranger learns no target"),
        (&Claims::default(), ask(None, None), "stranger web-ro", "no claims at all"),
    ] {
        assert_eq!(answer(&policy, claims, &ask), expected, "{why}");
    }
}

#[test]
fn a_named_relationship_is_the_only_one_considered() {
    let policy = policy(vec![
        relationship("web", &[is("repository_id", "1"), is("env", "prod")], &[grant("a", "read")]),
        relationship("web-ro", &[is("repository_id", "1")], &[grant("a", "read")]),
        relationship("theirs", &[is("repository_id", "2"), is("env", "prod")], &[grant("a", "read")]),
    ]);
    let theirs = claims(&[("repository_id", "2"), ("env", "prod")]);
    let named = |name: &str| Ask { relationship: Some(name.into()), ..Ask::default() };
    let prod = claims(&[("repository_id", "1"), ("env", "prod")]);
    let staging = claims(&[("repository_id", "1"), ("env", "staging")]);
    for (claims, ask, expected, why) in [
        (&prod, named("web"), "permit web a [read] 600s", "it resolves an ambiguity"),
        (&staging, named("web"), "condition web env", "no fallback to another"),
        (&prod, named("nobody"), "ambiguous web web-ro", "a name of nothing is ignored"),
        (&prod, named("NOT A NAME"), "ambiguous web web-ro", "so is what cannot be a name"),
        (&claims(&[("repository_id", "9")]), named("web"), "stranger web-ro", "naming it does not make a stranger known"),
        (&theirs, named("web"), "permit theirs a [read] 600s", "a name that does not know the caller is like one that does not exist"),
        (&theirs, named("nobody"), "permit theirs a [read] 600s", "and this is how that is answered"),
    ] {
        assert_eq!(answer(&policy, claims, &ask), expected, "{why}");
    }
}

#[test]
fn a_lifetime_is_clipped_to_grant_and_target() {
    let mut generous = grant("a", "read");
    generous.lifetime = Seconds(5_000);
    let policy = policy(vec![relationship("web", &[is("repository_id", "1")], &[generous])]);
    let claims = claims(&[("repository_id", "1")]);
    for (asked, expected) in [(None, 900), (Some(60), 60), (Some(100_000), 900)] {
        let ask = Ask { lifetime: asked.map(Seconds), ..Ask::default() };
        let granted = assess(&policy, &Parties::alone(&IssuerName::parse("ci").unwrap(), &claims), &ask).unwrap();
        assert_eq!(granted.lifetime, Seconds(expected));
    }
}

#[test]
fn an_issuer_without_relationships_knows_only_strangers() {
    assert_eq!(answer(&policy(Vec::new()), &claims(&[("repository_id", "1")]), &Ask::default()), "stranger ");
}

#[test]
fn the_index_finds_what_a_search_through_all_would_find() {
    let rules = (0..500).map(|n| {
        let mut conditions = vec![is("repository_id", &(n % 100).to_string()), is("env", &(n % 7).to_string())];
        if n % 3 == 0 {
            conditions.reverse();
        }
        relationship(&format!("r{n}"), &conditions, &[grant("a", "read")])
    });
    let policy = policy(rules.collect());
    let issuer = IssuerName::parse("ci").unwrap();
    for n in 0..120 {
        let claims = claims(&[("repository_id", &n.to_string()), ("env", &(n % 7).to_string())]);
        let by_search = policy.relationships().filter(|rule| rule.knows(&claims)).count();
        let by_index = policy.of(&issuer).unwrap().candidates(&claims).filter(|rule| rule.knows(&claims)).count();
        assert_eq!(by_index, by_search);
    }
}
