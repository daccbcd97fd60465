//! The assessment of an ask: pure, and without authority.

use std::sync::Arc;

use crate::domain::{Claims, IssuerName, RelationshipName, Scopes, Seconds};

use crate::policy::ask::Ask;
use crate::policy::condition::Condition;
use crate::policy::denial::{Denial, FailedCondition, Miss};
use crate::policy::policy_set::{IssuerRules, TrustPolicy};
use crate::policy::relationship::{Grant, TrustRelationship};
use crate::policy::target::Target;

/// With at most this many relationships, a stranger's nearest miss is looked for as well.
/// More would make a denial dearer than a permit.
const SEARCH_FOR_STRANGERS: usize = 256;

/// What an ask would get. No evidence: only [`super::evaluate()`] makes a permit of it.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The one relationship that permits it.
    pub relationship: Arc<TrustRelationship>,
    /// The target.
    pub target: Arc<Target>,
    /// The scopes: those asked, or the whole grant.
    pub scopes: Scopes,
    /// The lifetime, in seconds: what was asked, clipped to the grant and the target.
    pub lifetime: Seconds,
    /// Whether the issued token must not outlive the subject token.
    pub cap_to_subject: bool,
}

/// Which relationship permits this ask to the bearer of these claims?
///
/// (a) The relationships of the issuer, or the one that the ask names; (b) those whose conditions hold; (c) the target as asked, or the
/// one common to all of them; (d) those that grant it; (e) the whole asked set of scopes; (f) one remains. Never the first that
/// fits, never a union.
pub fn assess(policy: &TrustPolicy, issuer: &IssuerName, claims: &Claims, ask: &Ask) -> Result<Granted, Denial> {
    let Some(rules) = policy.of(issuer) else { return Err(Denial::NoRelationship { nearest: None }) };
    let holding = holding(rules, claims, ask)?;
    let target = target(&holding, ask).ok_or_else(|| Denial::Target { relationships: names(&holding) })?;

    let granting = holding.iter().filter_map(|relationship| grant_for(relationship, &target).map(|grant| (*relationship, grant)));
    let granting: Vec<_> = granting.collect();
    if granting.is_empty() {
        return Err(Denial::Target { relationships: names(&holding) });
    }
    let asked = |grant: &Grant| ask.scopes.as_ref().is_none_or(|scopes| scopes.within(&grant.scopes));
    let mut covering = granting.iter().filter(|(_, grant)| asked(grant));
    match (covering.next(), covering.next()) {
        (None, _) => Err(Denial::Scope { relationships: sorted(granting.iter().map(|(relationship, _)| relationship.name.clone())) }),
        (Some(_), Some(_)) => {
            let permitting = granting.iter().filter(|(_, grant)| asked(grant));
            Err(Denial::Ambiguous { relationships: sorted(permitting.map(|(relationship, _)| relationship.name.clone())) })
        }
        (Some((relationship, grant)), None) => Ok(granted(relationship, grant, ask)),
    }
}

/// Steps (a) and (b).
fn holding<'a>(rules: &'a IssuerRules, claims: &'a Claims, ask: &Ask) -> Result<Vec<&'a Arc<TrustRelationship>>, Denial> {
    // Naming a relationship has an effect only for those whom it knows: others could ask which names exist.
    let named = ask.relationship.as_deref().and_then(|name| rules.named(name)).filter(|named| named.knows(claims));
    let candidates: Vec<_> = match named {
        Some(relationship) => vec![relationship],
        None => rules.candidates(claims).collect(),
    };
    let known: Vec<_> = candidates.into_iter().filter(|relationship| relationship.knows(claims)).collect();
    let holds = |relationship: &&Arc<TrustRelationship>| relationship.conditions.iter().all(|condition| condition.holds(claims));
    let holding: Vec<_> = known.iter().copied().filter(holds).collect();
    if !holding.is_empty() {
        return Ok(holding);
    }
    if let Some(miss) = nearest(&known, claims) {
        return Err(Denial::Condition(miss));
    }
    let strangers: Vec<_> = if rules.all.len() <= SEARCH_FOR_STRANGERS { rules.all.iter().collect() } else { Vec::new() };
    Err(Denial::NoRelationship { nearest: nearest(&strangers, claims) })
}

/// The relationship with the fewest failed conditions; of several, the first by name.
fn nearest(relationships: &[&Arc<TrustRelationship>], claims: &Claims) -> Option<Miss> {
    let failures = |relationship: &TrustRelationship| relationship.conditions.iter().filter(|c| !c.holds(claims)).count();
    let nearest = relationships.iter().min_by_key(|relationship| (failures(relationship), &relationship.name))?;
    let (held, failed): (Vec<_>, Vec<_>) = nearest.conditions.iter().partition(|condition| condition.holds(claims));
    let value = |condition: &Condition| Some((Arc::clone(&condition.claim), claims.at(&condition.claim)?.clone()));
    Some(Miss {
        relationship: nearest.name.clone(),
        failed: failed.into_iter().map(|condition| failure(condition, claims)).collect(),
        held: held.into_iter().filter_map(value).collect(),
    })
}

fn failure(condition: &Condition, claims: &Claims) -> FailedCondition {
    FailedCondition {
        claim: Arc::clone(&condition.claim),
        expected: condition.matcher.to_string(),
        actual: claims.at(&condition.claim).cloned(),
    }
}

/// Step (c): the audience that was asked for, or that of the single target which all of them grant.
fn target(holding: &[&Arc<TrustRelationship>], ask: &Ask) -> Option<Box<str>> {
    if let Some(asked) = &ask.target {
        return Some(asked.as_str().into());
    }
    let (first, rest) = holding.split_first()?;
    let mut common = first
        .grants
        .iter()
        .map(|grant| grant.target.audience.as_str())
        .filter(|audience| rest.iter().all(|relationship| grant_for(relationship, audience).is_some()));
    match (common.next(), common.next()) {
        (Some(audience), None) => Some(audience.into()),
        _ => None,
    }
}

fn grant_for<'a>(relationship: &'a TrustRelationship, audience: &str) -> Option<&'a Grant> {
    relationship.grants.iter().find(|grant| grant.target.audience.as_str() == audience)
}

fn granted(relationship: &Arc<TrustRelationship>, grant: &Grant, ask: &Ask) -> Granted {
    let ceiling = grant.lifetime.min(grant.target.max_lifetime);
    Granted {
        relationship: Arc::clone(relationship),
        target: Arc::clone(&grant.target),
        scopes: ask.scopes.clone().unwrap_or_else(|| grant.scopes.clone()),
        lifetime: ask.lifetime.map_or(ceiling, |asked| asked.min(ceiling)),
        cap_to_subject: grant.cap_to_subject,
    }
}

fn names(relationships: &[&Arc<TrustRelationship>]) -> Vec<RelationshipName> {
    sorted(relationships.iter().map(|relationship| relationship.name.clone()))
}

fn sorted(names: impl Iterator<Item = RelationshipName>) -> Vec<RelationshipName> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests;
