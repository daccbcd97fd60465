use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    Audience, ClaimPath, Digest256, IdempotencyKey, IssuerName, ManualClock, RelationshipName, Scope, Scopes, Seconds, SubjectToken,
    TargetName,
};
use crate::policy::{
    Ask, ClaimMapping, ClaimMatcher, Condition, Grant, Presented, Scalar, Target, TrustPolicyBuilder, TrustRelationship, evaluate,
};
use crate::revocation::Revocations;
use crate::token::{
    Algorithm, Algorithms, Expectations, KeySet, ProvenKeys, ReplayMode, Shown, SubjectRule, UnverifiedToken, VerifiedToken, verify,
};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A workload's token from an issuer whose key ring is this one. It expires in 300 seconds.
fn subject_token(ring: &KeyRing) -> VerifiedToken {
    let claims = json!({"iss": "https://ci.test", "sub": "job", "aud": "sts", "iat": NOW, "exp": NOW.unix() + 300, "jti": "one",
                        "environment": "prod", "attempt": 2, "nothing": ""});
    let (token, _) = ring.sign(Algorithm::EdDsa, "JWT", claims.to_string().as_bytes()).unwrap();
    let expected = Expectations {
        issuer: IssuerName::parse("ci").unwrap(),
        replay: ReplayMode::Once,
        audiences: vec![Audience::parse("sts").unwrap()],
        algorithms: Algorithms::from(vec![Algorithm::EdDsa]),
        typ: vec![],
        typ_required: false,
        extra_audiences: false,
        leeway: Seconds(60),
        iat_skew: Seconds(10),
        max_lifetime: Seconds(3_600),
        max_age: None,
        subject: SubjectRule::Sub,
    };
    let keys = KeySet::parse(ring.jwks(), &expected.algorithms).unwrap();
    verify(UnverifiedToken::parse(&SubjectToken::new(token)).unwrap(), &keys, &expected, Shown::ByHolder(ProvenKeys::default()), NOW)
        .unwrap()
}

fn permit(ring: &KeyRing, algorithm: Algorithm, cap_to_subject: bool, mapped: &[(&str, &str)]) -> Permit {
    let (target, audience) = (TargetName::parse("deploy").unwrap(), Audience::parse("https://deploy.test").unwrap());
    let target = Target {
        scopes: ["read", "write"].map(|scope| (Scope::parse(scope).unwrap(), String::new())).into(),
        ..Target::new(target, audience, "o", Seconds(900), algorithm)
    };
    let path = |path: &str| Arc::new(ClaimPath::parse(path).unwrap());
    let name = RelationshipName::parse("web-shop").unwrap();
    let mut rule = TrustRelationship::new(name, IssuerName::parse("ci").unwrap(), "o".into(), "p", Timestamp::MAX);
    rule.conditions = [Condition { claim: path("environment"), matcher: ClaimMatcher::Exact(Scalar::Text("prod".into())) }].into();
    rule.grants = [Grant { cap_to_subject, ..Grant::new(Arc::new(target), Scopes::parse("read write").unwrap(), Seconds(600)) }].into();
    rule.mapping = mapped.iter().map(|(name, from)| ClaimMapping { name: (*name).into(), from: path(from) }).collect();
    let mut builder = TrustPolicyBuilder::default();
    builder.relationship(rule.with_pins(&[]).unwrap());
    evaluate(&builder.build(), Presented::alone(subject_token(ring)), &Ask::default(), NOW).unwrap()
}

fn cleared(permit: Permit) -> Cleared {
    let clock = Arc::new(ManualClock::at(NOW));
    Revocations::without_rules(clock).clear(permit, NOW).unwrap()
}

fn minted(ring: &KeyRing, permit: Permit) -> MintedToken {
    mint(cleared(permit), ring, &IssuerUrl::parse("https://sts.test").unwrap(), NOW, None).unwrap()
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn an_issued_token_says_what_rfc_9068_wants_and_no_more() {
    let ring = KeyRing::begin(NOW).unwrap();
    let token = minted(&ring, permit(&ring, Algorithm::Es256, false, &[("env", "environment"), ("try", "attempt"), ("none", "nothing")]));
    assert_eq!(token.times(), Times { issued_at: NOW, expires_at: NOW + Seconds(600) });
    assert_eq!((token.relationship().as_str(), token.target().as_str(), token.subject()), ("web-shop", "deploy", "ci:job"));
    assert_eq!((token.scopes().to_string(), token.spends().mode), ("read write".into(), ReplayMode::Once));
    let (id, printed) = (token.id().as_str().to_owned(), format!("{token:?}"));
    let text = token.unseal();
    let text = text.expose_secret();
    assert!(!printed.contains(text) && !printed.contains(text.split('.').nth(1).unwrap()), "{printed}");
    let expected = json!({
        "iss": "https://sts.test", "sub": "ci:job", "aud": "https://deploy.test", "client_id": "web-shop", "scope": "read write",
        "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": id, "env": "prod", "try": 2
    });
    assert_eq!(payload(text), expected);
}

#[test]
fn the_target_chooses_the_algorithm() {
    let ring = KeyRing::begin(NOW).unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa] {
        let token = minted(&ring, permit(&ring, algorithm, false, &[]));
        let key = ring.public_keys(NOW).into_iter().find(|key| *key.kid == *token.key_id()).unwrap();
        assert_eq!(key.algorithm, algorithm);
        let header = token.unseal().expose_secret().split('.').next().map(|header| URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header, json!({"alg": algorithm.name(), "typ": "at+jwt", "kid": key.kid}));
    }
    let unsupported =
        mint(cleared(permit(&ring, Algorithm::Ps512, false, &[])), &ring, &IssuerUrl::parse("https://sts.test").unwrap(), NOW, None);
    assert_eq!(unsupported.unwrap_err(), SigningFailed::NoKey(Algorithm::Ps512));
}

#[test]
fn a_capped_token_does_not_outlive_its_subject_token() {
    let ring = KeyRing::begin(NOW).unwrap();
    for (cap, expected) in [(true, 300), (false, 600)] {
        let token = minted(&ring, permit(&ring, Algorithm::EdDsa, cap, &[]));
        assert_eq!(token.expires_in(), Seconds(expected));
        assert_eq!(payload(token.unseal().expose_secret())["exp"], json!(NOW.unix() + expected));
    }
}

#[test]
fn a_mapped_claim_never_stands_for_one_of_ours() {
    let ring = KeyRing::begin(NOW).unwrap();
    let issuer = IssuerUrl::parse("https://sts.test").unwrap();
    for name in ["sub", "scope", "aud", "exp", "cnf"] {
        let permit = permit(&ring, Algorithm::EdDsa, false, &[(name, "environment")]);
        assert_eq!(mint(cleared(permit), &ring, &issuer, NOW, None).unwrap_err(), SigningFailed::ReservedClaim, "{name}");
    }
}

#[test]
fn every_token_has_an_id_of_its_own() {
    let ring = KeyRing::begin(NOW).unwrap();
    let ids: std::collections::BTreeSet<_> =
        (0..50).map(|_| minted(&ring, permit(&ring, Algorithm::EdDsa, false, &[])).id().as_str().to_owned()).collect();
    assert_eq!(ids.len(), 50);
}

#[test]
fn a_repeatable_request_gets_one_id_however_often_its_token_is_minted() {
    let ring = KeyRing::begin(NOW).unwrap();
    let issuer = IssuerUrl::parse("https://sts.test").unwrap();
    let key = IdempotencyKey::parse(&"k".repeat(32)).unwrap();
    let request = |text: &[u8]| RepeatableRequest::new(&key, Digest256::of(text));
    let minted = |request| mint(cleared(permit(&ring, Algorithm::EdDsa, false, &[])), &ring, &issuer, NOW, Some(request)).unwrap();
    let (first, second, other) = (minted(request(b"a")), minted(request(b"a")), minted(request(b"b")));
    assert_eq!((first.id(), first.spends().owner), (second.id(), second.spends().owner));
    assert!(first.spends().owner.is_some());
    assert!(first.id() != other.id() && first.spends().owner != other.spends().owner, "another request");
}

#[test]
fn a_token_minted_again_differs_in_its_times_only() {
    let ring = KeyRing::begin(NOW).unwrap();
    let issuer = IssuerUrl::parse("https://sts.test").unwrap();
    let token = minted(&ring, permit(&ring, Algorithm::EdDsa, false, &[("env", "environment")]));
    let (id, owner) = (token.id().clone(), token.spends().owner);
    let times = Times { issued_at: NOW - Seconds(30), expires_at: NOW + Seconds(570) };
    let again = token.at(times, &ring, &issuer).unwrap();
    assert_eq!((again.id(), again.times(), again.spends().owner), (&id, times, owner));
    assert_eq!(again.expires_in(), Seconds(570), "what is left of it, and not all that it had");
    let payload = payload(again.unseal().expose_secret());
    assert_eq!((&payload["iat"], &payload["exp"]), (&json!(times.issued_at), &json!(times.expires_at)));
    assert_eq!((&payload["jti"], &payload["env"], &payload["scope"]), (&json!(id.as_str()), &json!("prod"), &json!("read write")));
}
