//! Trust tests: what administrators expect of the server, run by the server's own rules.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::document::{Diagnostics, Place};
use crate::domain::{ClaimPath, ClaimValue, Claims, IssuerName, RelationshipName};
use crate::policy::{Ask, Bearer, Denial, FailedCondition, Granted, Parties, TrustPolicy, TrustRelationship, assess};

use super::claims::overlay;
use super::compile::CompiledTrust;

/// One `[[trust.NAME.test]]`.
#[derive(Debug)]
pub struct TrustTest {
    /// The relationship it belongs to.
    pub relationship: RelationshipName,
    /// That relationship's issuer.
    pub issuer: IssuerName,
    /// What must be so, in words.
    pub name: Box<str>,
    /// Where it was written.
    pub place: Place,
    pub(super) base: &'static Claims,
    pub(super) claims: Vec<(Arc<ClaimPath>, ClaimValue)>,
    pub(super) actor: Option<TestActor>,
    pub(super) ask: Ask,
    pub(super) expect: Expectation,
}

/// The second party of a test.
#[derive(Debug)]
pub(super) struct TestActor {
    pub(super) issuer: IssuerName,
    pub(super) base: &'static Claims,
    pub(super) claims: Vec<(Arc<ClaimPath>, ClaimValue)>,
}

/// What a test expects.
#[derive(Debug)]
pub(super) enum Expectation {
    /// A permit by the test's own relationship.
    Permit,
    /// A denial in which exactly these conditions of the test's own relationship fail.
    Deny { failed: Vec<Arc<ClaimPath>> },
}

impl CompiledTrust {
    /// Runs every trust test; each mismatch becomes an error. Gives how many were run.
    ///
    /// A test is put to all relationships of its issuer, as a request would be: what passes here is what the server does.
    pub fn run_tests(&self, diagnostics: &Diagnostics) -> usize {
        for test in &self.tests {
            if let Err(mismatch) = test.run(&self.policy) {
                let message = format!("trust.{}.test: \"{}\": {mismatch}", test.relationship, test.name);
                diagnostics.error_at(&test.place, message);
            }
        }
        self.tests.len()
    }
}

impl TrustTest {
    /// The claims of its token.
    #[must_use]
    pub fn token_claims(&self) -> Claims {
        overlaid(self.base, &self.claims)
    }

    fn run(&self, policy: &TrustPolicy) -> Result<(), String> {
        let claims = self.token_claims();
        let actor = self.actor.as_ref().map(|actor| (&actor.issuer, overlaid(actor.base, &actor.claims)));
        let actor = actor.as_ref().map(|(issuer, claims)| Bearer { issuer, claims });
        let parties = Parties { subject: Bearer { issuer: &self.issuer, claims: &claims }, actor };
        let answer = assess(policy, &parties, &self.ask);
        let Some(own) = policy.relationship(&self.relationship) else { return Err("the relationship is gone".into()) };
        let failed = failed(own, &claims);
        match (&self.expect, answer) {
            (Expectation::Permit, Ok(granted)) if granted.relationship.name == self.relationship => Ok(()),
            (Expectation::Permit, Ok(granted)) => Err(format!("expected a permit by this relationship, got one by {}", describe(&granted))),
            (Expectation::Permit, Err(denial)) => Err(format!("expected a permit, got {}{}", reason(&denial), conditions(&failed))),
            (Expectation::Deny { .. }, Ok(granted)) => Err(format!("expected a denial, got a permit by {}", describe(&granted))),
            (Expectation::Deny { failed: expected }, Err(denial)) => {
                let same = failed.len() == expected.len() && failed.iter().all(|failed| expected.contains(&failed.claim));
                if same {
                    return Ok(());
                }
                let expected = names(expected.iter());
                let actual = names(failed.iter().map(|failed| &failed.claim));
                Err(format!("expected failed = [{expected}], got failed = [{actual}], {}{}", reason(&denial), conditions(&failed)))
            }
        }
    }
}

/// The conditions of a relationship that do not hold.
fn failed(rule: &TrustRelationship, claims: &Claims) -> Vec<FailedCondition> {
    let failing = rule.conditions.iter().filter(|condition| !condition.holds(claims));
    let failure = |condition: &crate::policy::Condition| FailedCondition {
        claim: Arc::clone(&condition.claim),
        expected: condition.matcher.to_string(),
        actual: claims.at(&condition.claim).cloned(),
    };
    failing.map(failure).collect()
}

fn describe(granted: &Granted) -> String {
    format!("`{}` for target `{}` with scope \"{}\"", granted.relationship.name, granted.target.name, granted.scopes)
}

fn reason(denial: &Denial) -> String {
    let relationships = match denial {
        Denial::Ambiguous { relationships } => relationships,
        other => return format!("denied: {}", other.reason()),
    };
    let all: Vec<_> = relationships.iter().map(|name| format!("`{name}`")).collect();
    format!("denied: ambiguous between {}; a workload names one as `client_id`, and so can a test", all.join(", "))
}

fn conditions(failed: &[FailedCondition]) -> String {
    let mut text = String::new();
    for FailedCondition { claim, expected, actual } in failed {
        let actual = actual.as_ref().and_then(|value| serde_json::to_string(value).ok()).unwrap_or_else(|| "nothing".into());
        let separator = if text.is_empty() { ": " } else { "; " };
        let _ = write!(text, "{separator}`{claim}` wants {expected}, the token has {actual}");
    }
    text
}

fn names<'c>(claims: impl Iterator<Item = &'c Arc<ClaimPath>>) -> String {
    let mut names: Vec<_> = claims.map(|claim| format!("\"{claim}\"")).collect();
    names.sort_unstable();
    names.join(", ")
}

fn overlaid(base: &Claims, claims: &[(Arc<ClaimPath>, ClaimValue)]) -> Claims {
    claims.iter().fold(base.clone(), |claims, (path, value)| overlay(&claims, path, value.clone()))
}
