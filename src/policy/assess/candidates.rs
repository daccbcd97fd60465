//! Steps (a) and (b): which relationships are about these parties, and what they lack.

use std::sync::Arc;

use crate::domain::Claims;
use crate::policy::actor::Bearer;
use crate::policy::ask::Ask;
use crate::policy::condition::Condition;
use crate::policy::denial::{Denial, FailedCondition, Miss};
use crate::policy::policy_set::IssuerRules;
use crate::policy::relationship::TrustRelationship;

use super::{Parties, names};

/// With at most this many relationships, a stranger's nearest miss is looked for as well.
/// More would make a denial dearer than a permit.
const SEARCH_FOR_STRANGERS: usize = 256;

/// The relationships whose conditions the subject meets. Never empty.
pub(super) fn holding<'a>(rules: &'a IssuerRules, claims: &'a Claims, ask: &Ask) -> Result<Vec<&'a Arc<TrustRelationship>>, Denial> {
    // Naming a relationship has an effect only for those whom it knows: others could ask which names exist.
    let named = ask.relationship.as_deref().and_then(|name| rules.named(name)).filter(|named| named.knows(claims));
    let candidates: Vec<_> = match named {
        Some(relationship) => vec![relationship],
        // Whether there is a relationship of that name is nothing that a stranger to it learns.
        None if ask.only_named && ask.relationship.is_some() => return Err(Denial::NoRelationship { nearest: None }),
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

/// Of those, the relationships that are content with the actor, or with there being none. Never empty.
pub(super) fn agreeing<'a>(
    holding: &[&'a Arc<TrustRelationship>],
    parties: &Parties<'_>,
) -> Result<Vec<&'a Arc<TrustRelationship>>, Denial> {
    let Some(actor) = &parties.actor else {
        let alone: Vec<_> = holding.iter().copied().filter(|relationship| relationship.actor.is_none()).collect();
        return if alone.is_empty() { Err(Denial::ActorRequired { relationships: names(holding) }) } else { Ok(alone) };
    };
    let asking: Vec<_> = holding.iter().copied().filter(|relationship| relationship.actor.is_some()).collect();
    if asking.is_empty() {
        return Err(Denial::ActorUnused { relationships: names(holding) });
    }
    let content = |relationship: &&Arc<TrustRelationship>| relationship.actor.as_ref().is_some_and(|rule| rule.holds(actor));
    let agreeing: Vec<_> = asking.iter().copied().filter(content).collect();
    if agreeing.is_empty() {
        return Err(asking.first().map_or(Denial::NoRelationship { nearest: None }, |first| Denial::ActorFailed(actor_miss(first, actor))));
    }
    Ok(agreeing)
}

/// What the actor lacks for a relationship: all of it, when it comes from another issuer.
pub(in crate::policy) fn actor_miss(relationship: &TrustRelationship, actor: &Bearer<'_>) -> Miss {
    let rule = relationship.actor.as_ref();
    let conditions = rule.map_or(&[][..], |rule| &rule.conditions);
    let stranger = rule.is_some_and(|rule| rule.issuer != *actor.issuer);
    let failed = conditions.iter().filter(|condition| stranger || !condition.holds(actor.claims));
    Miss {
        relationship: relationship.name.clone(),
        failed: failed.map(|condition| failure(condition, actor.claims)).collect(),
        held: Vec::new(),
    }
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
