//! The second party of a relationship, and trust tests.

use std::sync::Arc;

use crate::document::Spanned;
use crate::domain::{ClaimPath, ClaimValue, RelationshipName, Scopes};
use crate::policy::{ActorRule, Ask, TrustRelationship};
use crate::trust::lint;
use crate::trust::read::{Expected, ReadActor, ReadConditions, ReadTest, TestClaim};
use crate::trust::trust_test::{Expectation, TestActor, TrustTest};

use super::conditions::impossible;
use super::issuer::CompiledIssuer;
use super::relationship::{RelationshipCompiler, conditions, own_example};

impl RelationshipCompiler<'_> {
    /// Compiles `[trust.NAME.actor]`. `None` only when something was reported.
    pub(super) fn actor(&self, name: &RelationshipName, read: ReadActor) -> Option<ActorRule> {
        let issuer = self.issuer(name, read.issuer.as_ref(), "actor.issuer")?;
        let ReadConditions { conditions: named, complete } = read.conditions;
        self.check_conditions(name, issuer, &named);
        if complete {
            lint::conditions(&format!("trust.{name}.actor.when"), &read.place, &named, issuer.preset, self.diagnostics);
        }
        let (role, conditions) = (read.role?, conditions(named, issuer));
        match ActorRule::new(issuer.name.clone(), role, conditions, &issuer.preset.required) {
            Ok(compiled) => complete.then_some(compiled),
            Err(unmet) => {
                for group in unmet.into_iter().filter(|_| complete) {
                    self.unmet(name, (&read.place, "actor.when"), issuer.preset, group);
                }
                None
            }
        }
    }

    fn test_actor(&self, read: Option<Vec<TestClaim>>, rule: &TrustRelationship) -> Option<TestActor> {
        let read = read?;
        let Some(issuer) = rule.actor.as_ref().and_then(|actor| self.issuers.get(&actor.issuer)) else {
            if let Some((_, _, place)) = read.first() {
                self.error(place, &rule.name, ".test.actor: the relationship has no `actor`, so nobody reads this token");
            }
            return None;
        };
        self.check_claims(&read, rule, issuer);
        Some(TestActor { issuer: issuer.name.clone(), base: &issuer.preset.example, claims: example_with(issuer, read) })
    }

    fn check_claims(&self, claims: &[TestClaim], rule: &TrustRelationship, issuer: &CompiledIssuer) {
        for (claim, value, place) in claims {
            if let Some(message) = impossible(issuer.preset, claim, value) {
                self.error(place, &rule.name, format_args!(".test.claims: {message}"));
            }
        }
    }

    pub(super) fn test(&self, read: ReadTest, rule: &TrustRelationship, issuer: &CompiledIssuer) -> Option<TrustTest> {
        self.check_claims(&read.claims, rule, issuer);
        let actor = self.test_actor(read.actor, rule);
        let expect = match read.expect {
            Expected::Permit => Expectation::Permit,
            Expected::Deny(failed) => {
                let is_condition = |claim: &Spanned<Arc<ClaimPath>>| rule.conditions.iter().any(|condition| condition.claim == claim.value);
                for claim in failed.iter().filter(|claim| !is_condition(claim)) {
                    let message = format_args!(
                        ".test.failed: the relationship has no condition on `{}` (conditions on the actor are not named here)",
                        claim.value
                    );
                    self.error(&claim.place, &rule.name, message);
                }
                Expectation::Deny { failed: failed.into_iter().map(|claim| claim.value).collect() }
            }
        };
        let target = match &read.target {
            None => None,
            Some(named) => Some(self.target(named, &rule.name, "test")?.audience.as_str().to_owned()),
        };
        let ask = Ask {
            target,
            scopes: read.scopes.map(Scopes::from),
            relationship: read.client_id.map(|name| name.as_str().to_owned()),
            takes_grants: true,
            ..Ask::default()
        };
        let (relationship, issuer_name) = (rule.name.clone(), rule.issuer.clone());
        Some(TrustTest {
            relationship,
            issuer: issuer_name,
            name: read.name,
            place: read.place,
            base: &issuer.preset.example,
            claims: example_with(issuer, read.claims),
            actor,
            ask,
            expect,
        })
    }
}

/// What the claims of a test's token differ in from the preset's example.
fn example_with(issuer: &CompiledIssuer, claims: Vec<TestClaim>) -> Vec<(Arc<ClaimPath>, ClaimValue)> {
    own_example(issuer).into_iter().chain(claims.into_iter().map(|(claim, value, _)| (claim, value))).collect()
}
