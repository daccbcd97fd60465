//! No road to a token yields more scope, another audience, a later end or a longer chain than its rule.
//!
//! The rules are written down here once more, and each issued token is held against them by what it says itself.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::worlds::{Dice, Keys, NOW, OWN, World, ask, payload, proven};
use crate::domain::{IssuerUrl, ManualClock, RelationshipName, Scopes};
use crate::policy::*;
use crate::release::issuance::{MintedToken, Occasion, mint};
use crate::revocation::Revocations;
use crate::token::{ProvenKeys, VerifiedToken};

/// Requests in all; each permitted one is followed by attempts to narrow what it got.
const CASES: usize = 100_000;
/// Requests put to one set of relationships.
const PER_WORLD: usize = 250;
/// Attempts to narrow what a request got, and then what that got.
const ATTEMPTS: usize = 20;

#[test]
fn no_road_yields_more_than_its_rule() {
    let revocations = Revocations::without_rules(Arc::new(ManualClock::at(NOW)));
    let (mut issued, mut narrowed, mut cases, mut longest) = (0, 0, 0, 0);
    let keys = Keys::new();
    let mut seed = 0x5eed;
    while cases < CASES {
        seed += 1;
        let mut dice = Dice(seed);
        let world = World::random(&mut dice, &keys);
        let road = Road { world: &world, revocations: &revocations, seed };
        for _ in 0..PER_WORLD {
            cases += 1;
            let Some(mut line) = road.exchange(&mut dice) else { continue };
            issued += 1;
            for _ in 0..ATTEMPTS {
                if !line.is_access_token() || cases == CASES {
                    break;
                }
                cases += 1;
                let Some(next) = road.narrow(&line, &mut dice) else { continue };
                line = next;
                narrowed += 1;
                longest = longest.max(line.chain().len());
            }
        }
    }
    assert!(issued > CASES / 50 && narrowed > CASES / 50, "{issued} issued, {narrowed} narrowed of {cases}: too few to say anything");
    assert_eq!(longest, MAX_ACTORS, "chains were built up to the longest, and no further");
}

struct Road<'a> {
    world: &'a World<'a>,
    revocations: &'a Revocations,
    seed: u64,
}

/// A token that was issued.
struct Line {
    token: String,
    claims: Value,
    /// Which relationship permitted it: `client_id`, where the token says it.
    relationship: RelationshipName,
    proven: ProvenKeys,
}

impl Line {
    fn text(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.claims[name].as_u64().unwrap()
    }

    fn scopes(&self) -> Scopes {
        Scopes::parse(self.text("scope")).unwrap()
    }

    /// The actors, newest first.
    fn chain(&self) -> Vec<&str> {
        let inner = std::iter::successors(self.claims.get("act"), |act| act.get("act"));
        inner.map(|act| act["sub"].as_str().unwrap()).collect()
    }

    fn is_access_token(&self) -> bool {
        self.token.starts_with("eyJ") && payload_typ(&self.token) == "at+jwt"
    }
}

impl Road<'_> {
    /// Any workload asks for anything, with or without a second party.
    fn exchange(&self, dice: &mut Dice) -> Option<Line> {
        let (ask, proven) = (ask(dice), proven(dice));
        let subject = self.world.token(dice);
        let actor = dice.one_in(2).then(|| self.world.token(dice));
        let parties = (facts(&subject), actor.as_ref().map(facts));
        let presented = Presented { subject: party(subject), actor: actor.map(party), proven };
        let permit = evaluate(&self.world.policy, presented, &ask, NOW).ok()?;
        let line = self.issued(permit, proven);
        self.keeps_to_its_rule(&line, &ask, &parties);
        Some(line)
    }

    /// The holder of a token asks for another.
    fn narrow(&self, line: &Line, dice: &mut Dice) -> Option<Line> {
        let ask = ask(dice);
        let actor = dice.one_in(2).then(|| self.world.token(dice));
        let known = actor.as_ref().map(facts);
        let own = self.world.own(&line.token, line.text("aud"), line.proven);
        let presented = Presented { subject: party(own), actor: actor.map(party), proven: line.proven };
        let permit = narrow(&self.world.policy, presented, &ask, NOW).ok()?;
        let next = self.issued(permit, line.proven);
        self.is_no_more_than(&next, line, &ask, known.as_ref());
        Some(next)
    }

    fn issued(&self, permit: Permit, proven: ProvenKeys) -> Line {
        let occasion = Occasion { now: NOW, proof: None, repeatable: None };
        let relationship = permit.relationship().clone();
        let cleared = self.revocations.clear(permit, NOW).unwrap();
        let minted: MintedToken = mint(cleared, &self.world.keys.ring, &IssuerUrl::parse(OWN).unwrap(), occasion).unwrap();
        let token = minted.unseal().expose_secret().to_owned();
        let line = Line { claims: payload(&token), token, relationship, proven };
        assert_eq!(line.text("client_id"), if line.is_access_token() { line.relationship.as_str() } else { "" }, "{}", self.seed);
        line
    }

    /// Everything that the relationship, which the token itself names, lets it say.
    fn keeps_to_its_rule(&self, line: &Line, ask: &Ask, (subject, actor): &(Facts, Option<Facts>)) {
        let seed = self.seed;
        let rule = self.rule(line);
        let grant = rule.grants.iter().find(|grant| grant.target.audience.as_str() == line.text("aud")).expect("a target of the rule");
        assert!(rule.issuer.as_str() == subject.issuer && rule.conditions.iter().all(|one| subject.meets(one)), "{seed}: about another");
        assert_eq!(line.text("sub"), format!("{}:{}", subject.issuer, subject.subject), "{seed}");
        assert!(line.scopes().within(&grant.scopes), "{seed}: a scope that is not granted");
        if let Some(asked) = &ask.scopes {
            assert_eq!(line.scopes(), *asked, "{seed}: what was asked, and neither more nor less");
        }
        assert!(ask.target.as_deref().is_none_or(|asked| asked == line.text("aud")), "{seed}: another audience");
        let lived = line.number("exp") - line.number("iat");
        let most = grant.lifetime.min(grant.target.max_lifetime).min(ask.lifetime.unwrap_or(grant.lifetime)).0;
        assert!(lived >= 1 && lived <= most, "{seed}: {lived} s of at most {most}");
        if grant.target.kind == TokenKind::AuthorizationGrant {
            assert!(lived <= 60 && ask.takes_grants, "{seed}: a grant of {lived} s");
        }
        assert!(!grant.cap_to_subject || line.number("exp") <= subject.expires_at, "{seed}: later than the subject token");
        self.names_its_actor(line, &rule, actor.as_ref());
        self.is_bound(line, grant);
    }

    fn names_its_actor(&self, line: &Line, rule: &TrustRelationship, actor: Option<&Facts>) {
        let seed = self.seed;
        let Some(wanted) = &rule.actor else {
            assert!(actor.is_none() && line.chain().is_empty(), "{seed}: nobody asked for an actor");
            return;
        };
        let actor = actor.unwrap_or_else(|| panic!("{seed}: an actor was wanted"));
        assert!(wanted.issuer.as_str() == actor.issuer && wanted.conditions.iter().all(|one| actor.meets(one)), "{seed}: another actor");
        let named = format!("{}:{}", actor.issuer, actor.subject);
        let expected = if wanted.role == ActorRole::Act { vec![&*named] } else { Vec::new() };
        assert_eq!(line.chain(), expected, "{seed}");
    }

    fn is_bound(&self, line: &Line, grant: &Grant) {
        let confirmed = &line.claims["cnf"];
        let bound = match grant.target.bind {
            Binding::Any => true,
            Binding::Dpop => confirmed["jkt"].is_string(),
            Binding::Mtls => confirmed["x5t#S256"].is_string(),
        };
        assert!(bound, "{}: not bound as the target wants", self.seed);
        assert_eq!(confirmed["jkt"].is_string(), line.proven.key.is_some(), "{}: a proof binds", self.seed);
    }

    /// Everything that the token before lets it say.
    fn is_no_more_than(&self, next: &Line, before: &Line, ask: &Ask, actor: Option<&Facts>) {
        let seed = self.seed;
        for same in ["sub", "aud", "client_id", "cnf"] {
            assert_eq!(next.claims[same], before.claims[same], "{seed}: another {same}");
        }
        let root = before.claims.get("root_jti").unwrap_or(&before.claims["jti"]);
        assert!(
            next.claims["root_jti"] == *root
                && next.claims["rvk"].as_array().unwrap().len() >= before.claims["rvk"].as_array().unwrap().len()
        );
        assert!(next.scopes().within(&before.scopes()), "{seed}: a scope that was given up");
        assert!(ask.scopes.as_ref().is_none_or(|asked| *asked == next.scopes()), "{seed}");
        assert!(next.number("exp") <= before.number("exp"), "{seed}: a later end");
        let rule = self.rule(next);
        let grant = rule.grants.iter().find(|grant| grant.target.audience.as_str() == next.text("aud")).unwrap();
        assert!(grant.narrow && next.scopes().within(&grant.scopes), "{seed}");
        let added = next.chain().len() - before.chain().len();
        assert_eq!(next.chain()[added..], before.chain()[..], "{seed}: an actor was forgotten");
        let acts = actor.is_some() && rule.actor.as_ref().is_some_and(|wanted| wanted.role == ActorRole::Act);
        assert_eq!(added, usize::from(acts), "{seed}");
        assert!(next.chain().len() <= MAX_ACTORS, "{seed}: a longer chain");
    }

    fn rule(&self, line: &Line) -> Arc<TrustRelationship> {
        Arc::clone(self.world.policy.relationship(&line.relationship).unwrap())
    }
}

/// What a token said, for the rules of this test.
struct Facts {
    issuer: String,
    subject: String,
    place: String,
    expires_at: u64,
}

impl Facts {
    fn meets(&self, condition: &Condition) -> bool {
        let said = if condition.claim.as_str() == "sub" { &self.subject } else { &self.place };
        condition.matcher.to_string() == format!("\"{said}\"")
    }
}

fn facts(token: &VerifiedToken) -> Facts {
    let text = |name: &str| token.claims().text(name).unwrap().to_owned();
    Facts { issuer: token.issuer_name().to_string(), subject: text("sub"), place: text("place"), expires_at: token.expires_at().unix() }
}

fn party(token: VerifiedToken) -> Party {
    Party { token, ids: Arc::default() }
}

fn payload_typ(token: &str) -> String {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["typ"].as_str().unwrap().to_owned()
}
