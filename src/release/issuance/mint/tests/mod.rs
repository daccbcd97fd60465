use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::domain::*;
use crate::policy::*;
use crate::release::issuance::{Handle, KeyRing, MintedToken, OpaqueRecord, ProofSpend, RepeatableRequest, SigningFailed, Spent, Times};
use crate::revocation::{Cleared, Revocations};
use crate::token::{
    Algorithm, Algorithms, EncryptionKey, Expectations, KeySet, ProvenKeys, ReplayMode, Shown, SubjectRule, UnverifiedToken, VerifiedToken,
    verify,
};

mod formats;

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A workload's token from an issuer whose key ring is this one. It expires in 300 seconds.
fn subject_token(ring: &KeyRing, replay: ReplayMode) -> VerifiedToken {
    let more = json!({"jti": "one", "environment": "prod", "attempt": 2, "nothing": ""});
    verified(ring, IssuerName::parse("ci").unwrap(), replay, more)
}

/// A token of that issuer, with these claims beside the necessary ones, some of which they may replace.
fn verified(ring: &KeyRing, issuer: IssuerName, replay: ReplayMode, more: Value) -> VerifiedToken {
    let mut claims = json!({"iss": "https://ci.test", "sub": "job", "aud": "sts", "iat": NOW, "exp": NOW.unix() + 300});
    let Value::Object(more) = more else { panic!("an object") };
    claims.as_object_mut().unwrap().extend(more);
    let (token, _) = ring.sign(Algorithm::EdDsa, "JWT", claims.to_string().as_bytes()).unwrap();
    let audience = Audience::parse(claims["aud"].as_str().unwrap()).unwrap();
    let expected = Expectations {
        issuer,
        replay,
        audiences: vec![audience],
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

/// What a test changes of the usual permit.
struct Usual {
    target: Target,
    cap_to_subject: bool,
    mapped: &'static [(&'static str, &'static str)],
    replay: ReplayMode,
    proven: ProvenKeys,
}

impl Usual {
    fn signed_with(algorithm: Algorithm) -> Self {
        let (name, audience) = (TargetName::parse("deploy").unwrap(), Audience::parse("https://deploy.test").unwrap());
        let scopes = ["read", "write"].map(|scope| (Scope::parse(scope).unwrap(), String::new())).into();
        let target = Target { scopes, ..Target::new(name, audience, "o", Seconds(900), algorithm) };
        Self { target, cap_to_subject: false, mapped: &[], replay: ReplayMode::Once, proven: ProvenKeys::default() }
    }

    fn opaque(replay: ReplayMode) -> Self {
        let usual = Self::signed_with(Algorithm::EdDsa);
        Self { target: Target { format: TokenFormat::Opaque, ..usual.target }, replay, ..usual }
    }

    fn permit(self, ring: &KeyRing) -> Permit {
        let ask = Ask { takes_grants: true, ..Ask::default() };
        let presented = Presented { proven: self.proven, ..Presented::alone(subject_token(ring, self.replay)) };
        evaluate(&self.policy(None), presented, &ask, NOW).unwrap()
    }

    /// With an actor of the issuer `cluster`, when one may come in a role.
    fn policy(self, acting: Option<ActorRole>) -> TrustPolicy {
        let path = |path: &str| Arc::new(ClaimPath::parse(path).unwrap());
        let name = RelationshipName::parse("web-shop").unwrap();
        let mut rule = TrustRelationship::new(name, IssuerName::parse("ci").unwrap(), "o".into(), "p", Timestamp::MAX);
        rule.conditions = [Condition { claim: path("environment"), matcher: ClaimMatcher::Exact(Scalar::Text("prod".into())) }].into();
        let (target, scopes) = (Arc::new(self.target), Scopes::parse("read write").unwrap());
        rule.grants = [Grant { cap_to_subject: self.cap_to_subject, narrow: true, ..Grant::new(target, scopes, Seconds(600)) }].into();
        rule.mapping = self.mapped.iter().map(|(name, from)| ClaimMapping { name: (*name).into(), from: path(from) }).collect();
        let mut builder = TrustPolicyBuilder::default();
        rule.actor = acting.map(|acting| {
            let matcher = ClaimMatcher::Exact(Scalar::Text("prod".into()));
            let conditions = [Condition { claim: path("namespace"), matcher }].into();
            ActorRule::new(IssuerName::parse("cluster").unwrap(), acting, conditions, &[]).unwrap()
        });
        builder.relationship(rule.with_pins(&[]).unwrap());
        builder.build()
    }
}

fn permit(ring: &KeyRing, algorithm: Algorithm, mapped: &'static [(&'static str, &'static str)]) -> Permit {
    Usual { mapped, ..Usual::signed_with(algorithm) }.permit(ring)
}

const PLAIN: Occasion<'_> = Occasion { now: NOW, proof: None, repeatable: None };

fn try_mint(ring: &KeyRing, permit: Permit, occasion: Occasion<'_>) -> Result<MintedToken, SigningFailed> {
    mint(cleared(permit), ring, &IssuerUrl::parse("https://sts.test").unwrap(), occasion)
}

fn cleared(permit: Permit) -> Cleared {
    let clock = Arc::new(ManualClock::at(NOW));
    Revocations::without_rules(clock).clear(permit, NOW).unwrap()
}

fn minted(ring: &KeyRing, permit: Permit) -> MintedToken {
    try_mint(ring, permit, PLAIN).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[test]
fn an_issued_token_says_what_rfc_9068_wants_and_no_more() {
    let ring = KeyRing::begin(NOW).unwrap();
    let token = minted(&ring, permit(&ring, Algorithm::Es256, &[("env", "environment"), ("try", "attempt"), ("none", "nothing")]));
    assert_eq!(token.times(), Times { issued_at: NOW, expires_at: NOW + Seconds(600) });
    assert_eq!((token.relationship().as_str(), token.target().as_str(), token.subject()), ("web-shop", "deploy", "ci:job"));
    assert_eq!((token.scopes().to_string(), token.spends().subject.mode), ("read write".into(), ReplayMode::Once));
    let (id, printed) = (token.id().as_str().to_owned(), format!("{token:?}"));
    let text = token.unseal();
    let text = text.expose_secret();
    assert!(!printed.contains(text) && !printed.contains(text.split('.').nth(1).unwrap()), "{printed}");
    let expected = json!({
        "iss": "https://sts.test", "sub": "ci:job", "aud": "https://deploy.test", "client_id": "web-shop", "scope": "read write",
        "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": id, "env": "prod", "try": 2,
        "rvk": marks(&id, &[
            ("jti", "one"), ("kid", ring.key_id(Algorithm::EdDsa).unwrap()),
            ("claim attempt", "2"), ("claim environment", "\"prod\""), ("claim nothing", "\"\""),
        ])
    });
    assert_eq!(payload(text), expected);
}

/// What `rvk` says of these.
fn marks(id: &str, traits: &[(&str, &str)]) -> Vec<Mark> {
    traits.iter().map(|(kind, value)| Mark::of(id, &Fingerprint::of(kind, value))).collect()
}

#[test]
fn the_target_chooses_the_algorithm() {
    let ring = KeyRing::begin(NOW).unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa] {
        let token = minted(&ring, permit(&ring, algorithm, &[]));
        let key = ring.public_keys(NOW).into_iter().find(|key| *key.kid == *token.key_id()).unwrap();
        assert_eq!(key.algorithm, algorithm);
        assert_eq!(header(token.unseal().expose_secret()), json!({"alg": algorithm.name(), "typ": "at+jwt", "kid": key.kid}));
    }
    let unsupported = try_mint(&ring, permit(&ring, Algorithm::Ps512, &[]), PLAIN);
    assert_eq!(unsupported.unwrap_err(), SigningFailed::NoKey(Algorithm::Ps512));
}

#[test]
fn a_capped_token_does_not_outlive_its_subject_token() {
    let ring = KeyRing::begin(NOW).unwrap();
    for (cap_to_subject, expected) in [(true, 300), (false, 600)] {
        let token = minted(&ring, Usual { cap_to_subject, ..Usual::signed_with(Algorithm::EdDsa) }.permit(&ring));
        assert_eq!(token.expires_in(), Seconds(expected));
        assert_eq!(payload(token.unseal().expose_secret())["exp"], json!(NOW.unix() + expected));
    }
}

#[test]
fn a_mapped_claim_never_stands_for_one_of_ours() {
    let ring = KeyRing::begin(NOW).unwrap();
    let ours: &[&[(&str, &str)]] = &[
        &[("sub", "environment")],
        &[("scope", "environment")],
        &[("aud", "environment")],
        &[("exp", "environment")],
        &[("cnf", "environment")],
        &[("act", "environment")],
        &[("may_act", "environment")],
        &[("root_jti", "environment")],
        &[("fine", "attempt"), ("rvk", "environment")],
    ];
    for mapped in ours {
        let refused = try_mint(&ring, permit(&ring, Algorithm::EdDsa, mapped), PLAIN);
        assert_eq!(refused.unwrap_err(), SigningFailed::ReservedClaim, "{mapped:?}");
    }
}

#[test]
fn every_token_has_an_id_of_its_own() {
    let ring = KeyRing::begin(NOW).unwrap();
    let ids: std::collections::BTreeSet<_> =
        (0..50).map(|_| minted(&ring, permit(&ring, Algorithm::EdDsa, &[])).id().as_str().to_owned()).collect();
    assert_eq!(ids.len(), 50);
}

#[test]
fn a_repeatable_request_gets_one_id_however_often_its_token_is_minted() {
    let ring = KeyRing::begin(NOW).unwrap();
    let key = IdempotencyKey::parse(&"k".repeat(32)).unwrap();
    let request = |text: &[u8]| RepeatableRequest::new(&key, Digest256::of(text));
    let minted = |request| {
        let occasion = Occasion { repeatable: Some(request), ..PLAIN };
        try_mint(&ring, permit(&ring, Algorithm::EdDsa, &[]), occasion).unwrap()
    };
    let (first, second, other) = (minted(request(b"a")), minted(request(b"a")), minted(request(b"b")));
    assert_eq!((first.id(), first.spends().subject.owner), (second.id(), second.spends().subject.owner));
    assert!(first.spends().subject.owner.is_some());
    assert!(first.id() != other.id() && first.spends().subject.owner != other.spends().subject.owner, "another request");
}

#[test]
fn a_token_minted_again_differs_in_its_times_only() {
    let ring = KeyRing::begin(NOW).unwrap();
    let issuer = IssuerUrl::parse("https://sts.test").unwrap();
    let token = minted(&ring, permit(&ring, Algorithm::EdDsa, &[("env", "environment")]));
    let (id, owner) = (token.id().clone(), token.spends().subject.owner);
    let times = Times { issued_at: NOW - Seconds(30), expires_at: NOW + Seconds(570) };
    let again = token.at(times, &ring, &issuer).unwrap();
    assert_eq!((again.id(), again.times(), again.spends().subject.owner), (&id, times, owner));
    assert_eq!(again.expires_in(), Seconds(570), "what is left of it, and not all that it had");
    let payload = payload(again.unseal().expose_secret());
    assert_eq!((&payload["iat"], &payload["exp"]), (&json!(times.issued_at), &json!(times.expires_at)));
    assert_eq!((&payload["jti"], &payload["env"], &payload["scope"]), (&json!(id.as_str()), &json!("prod"), &json!("read write")));
}

#[test]
fn a_grant_for_another_authorization_server_is_short_and_no_access_token() {
    let ring = KeyRing::begin(NOW).unwrap();
    let usual = Usual::signed_with(Algorithm::Rs256);
    let target = Target { kind: TokenKind::AuthorizationGrant, ..usual.target };
    let token = minted(&ring, Usual { target, ..usual }.permit(&ring));
    assert_eq!((token.kind().token_type(), token.expires_in()), ("N_A", Seconds(60)), "the grant says 600");
    let (id, kid) = (token.id().as_str().to_owned(), token.key_id().to_owned());
    let text = token.unseal();
    assert_eq!(header(text.expose_secret()), json!({"alg": "RS256", "typ": "JWT", "kid": kid}));
    let expected = json!({
        "iss": "https://sts.test", "sub": "ci:job", "aud": "https://deploy.test", "scope": "read write",
        "iat": 1_800_000_000, "exp": 1_800_000_060, "jti": id
    });
    assert_eq!(payload(text.expose_secret()), expected);
}

#[test]
fn a_proof_is_spent_with_the_token_it_came_with() {
    let ring = KeyRing::begin(NOW).unwrap();
    let key = IdempotencyKey::parse(&"k".repeat(32)).unwrap();
    let repeatable = Some(RepeatableRequest::new(&key, Digest256::of(b"request")));
    let proof = Some(ProofSpend { identity: Digest256::of(b"proof"), issued_at: NOW, refused_from: NOW + Seconds(60) });
    for (replay, owned, why) in [
        (ReplayMode::Once, true, "the same request is known again"),
        (ReplayMode::Reusable, false, "nothing tells a repeat from a second exchange, so the proof is good for one of them"),
    ] {
        let permit = Usual { replay, ..Usual::signed_with(Algorithm::EdDsa) }.permit(&ring);
        let token = try_mint(&ring, permit, Occasion { proof, repeatable, ..PLAIN }).unwrap();
        let spends = token.spends();
        let found = spends.proof.as_ref().unwrap();
        assert_eq!((found.what, found.mode, found.owner.is_some()), (Spent::Proof, ReplayMode::Once, owned), "{why}");
        assert_eq!(found.owner, spends.subject.owner, "{why}");
    }
}

/// The claims of the token for a workload that comes with a pod.
fn with_actor(ring: &KeyRing, role: ActorRole) -> Value {
    let actor = json!({"sub": "pod", "jti": "two", "namespace": "prod", "act": {"sub": "somebody"}});
    let actor = verified(ring, IssuerName::parse("cluster").unwrap(), ReplayMode::Once, actor);
    let subject = subject_token(ring, ReplayMode::Once);
    let presented = Presented { actor: Some(Party { token: actor, ids: Arc::default() }), ..Presented::alone(subject) };
    let permit = evaluate(&Usual::signed_with(Algorithm::EdDsa).policy(Some(role)), presented, &Ask::default(), NOW).unwrap();
    let token = minted(ring, permit);
    assert_eq!(token.spends().actor.as_ref().unwrap().what, Spent::Actor, "{role:?}: it is spent");
    payload(token.unseal().expose_secret())
}

#[test]
fn an_actor_is_named_and_a_witness_is_not() {
    let ring = KeyRing::begin(NOW).unwrap();
    let kid = ring.key_id(Algorithm::EdDsa).unwrap().to_owned();
    let subject = [("jti", "one"), ("kid", &*kid), ("claim environment", "\"prod\"")];
    let actor = [("jti", "two"), ("kid", &*kid), ("claim namespace", "\"prod\"")];
    let witness = [("issuer", "cluster"), ("subject", "cluster:pod")];
    for (role, act, traits) in [
        (ActorRole::Act, json!({"sub": "cluster:pod"}), [&subject[..], &actor].concat()),
        (ActorRole::Witness, Value::Null, [&subject[..], &actor, &witness].concat()),
    ] {
        let claims = with_actor(&ring, role);
        assert_eq!(claims["act"], act, "{role:?}: who it is, and nothing else");
        assert_eq!(claims["rvk"], json!(marks(claims["jti"].as_str().unwrap(), &traits)), "{role:?}");
        assert_eq!((claims["sub"].as_str(), claims.get("root_jti")), (Some("ci:job"), None), "{role:?}");
        let text = claims.to_string();
        assert!(!text.contains("somebody") && (role == ActorRole::Act || !text.contains("pod")), "{role:?}: {text}");
    }
}

#[test]
fn a_narrowed_token_names_its_root_and_keeps_its_marks_and_actors() {
    let ring = KeyRing::begin(NOW).unwrap();
    let narrowed = |claims: Value| {
        let own = verified(&ring, IssuerName::own(), ReplayMode::Reusable, claims);
        let ask = Ask { scopes: Some(Scopes::parse("read").unwrap()), ..Ask::default() };
        let permit = narrow(&Usual::signed_with(Algorithm::EdDsa).policy(None), Presented::alone(own), &ask, NOW).unwrap();
        payload(minted(&ring, permit).unseal().expose_secret())
    };
    let mut first = with_actor(&ring, ActorRole::Act);
    first["exp"] = json!(NOW.unix() + 200);
    let second = narrowed(first.clone());
    let third = narrowed(second.clone());
    for (claims, why) in [(&second, "once"), (&third, "twice")] {
        assert_eq!(claims["root_jti"], first["jti"], "{why}: the first of all");
        assert_eq!((&claims["rvk"], &claims["act"]), (&first["rvk"], &first["act"]), "{why}");
        assert_eq!((&claims["scope"], &claims["exp"]), (&json!("read"), &first["exp"]), "{why}");
        assert_ne!(claims["jti"], first["jti"], "{why}");
    }
    assert_ne!(second["jti"], third["jti"]);
}

#[test]
fn a_token_is_bound_to_the_keys_that_were_proven() {
    let ring = KeyRing::begin(NOW).unwrap();
    let (key, certificate) = (Thumbprint::of(b"key"), Thumbprint::of(b"certificate"));
    let proven = |key, certificate| ProvenKeys { key, certificate };
    for (bind, proven, cnf, token_type, why) in [
        (Binding::Any, proven(None, None), None, "Bearer", "nothing is proven"),
        (Binding::Any, proven(Some(key), None), Some(json!({"jkt": key})), "DPoP", "a proof"),
        (Binding::Mtls, proven(None, Some(certificate)), Some(json!({"x5t#S256": certificate})), "Bearer", "a certificate"),
        (Binding::Mtls, proven(Some(key), Some(certificate)), Some(json!({"jkt": key, "x5t#S256": certificate})), "DPoP", "both"),
    ] {
        let usual = Usual::signed_with(Algorithm::EdDsa);
        let token = minted(&ring, Usual { target: Target { bind, ..usual.target }, proven, ..usual }.permit(&ring));
        assert_eq!(token.kind().token_type(), token_type, "{why}");
        assert_eq!(payload(token.unseal().expose_secret()).get("cnf"), cnf.as_ref(), "{why}");
    }
}
