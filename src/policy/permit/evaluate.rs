//! From the token of another issuer to a permit.

use crate::domain::{RelationshipName, Timestamp};
use crate::policy::actor::ActorRole;
use crate::policy::ask::Ask;
use crate::policy::assess::{Granted, assess};
use crate::policy::denial::Denial;
use crate::policy::policy_set::TrustPolicy;
use crate::policy::target::Binding;
use crate::token::{ProvenKeys, VerifiedToken};

use super::act::Act;
use super::evidence::{Party, Permit, Presented};

/// Decides what the bearer of a verified token gets. `now` only tells whether a capped token would have any time to live.
pub fn evaluate(policy: &TrustPolicy, presented: Presented, ask: &Ask, now: Timestamp) -> Result<Permit, Denial> {
    let granted = assess(policy, &presented.parties(), ask)?;
    check_may_act(&presented, &granted.relationship.name)?;
    check_binding(&granted, &presented.proven)?;
    let token = &presented.subject.token;
    let not_after = granted.cap_to_subject.then(|| token.expires_at());
    if not_after.is_some_and(|end| end <= now) {
        return Err(Denial::Lifetime { relationship: granted.relationship.name.clone() });
    }
    let carried = granted.relationship.mapping.iter().filter_map(|mapping| {
        let value = token.claims().at(&mapping.from).filter(|value| !value.is_vacant())?;
        Some((mapping.name.clone(), value.clone()))
    });
    let mapped = carried.collect();
    let act = acting(&granted, presented.actor.as_ref()).map(|actor| Act::of(&actor));
    let subject = presented.subject.subject().into();
    Ok(Permit { presented, granted, subject, mapped, not_after, act, line: Vec::new() })
}

/// How the issued token names the actor; `None` when it does not.
pub(super) fn acting(granted: &Granted, actor: Option<&Party>) -> Option<String> {
    let role = granted.relationship.actor.as_ref()?.role;
    actor.filter(|_| role == ActorRole::Act).map(Party::subject)
}

/// `may_act` of the subject token only ever narrows (RFC 8693 §4.4): each of its members must be what the actor token says.
fn check_may_act(presented: &Presented, relationship: &RelationshipName) -> Result<(), Denial> {
    let Some(actor) = &presented.actor else { return Ok(()) };
    let Some(allowed) = presented.subject.token.claims().get("may_act") else { return Ok(()) };
    let is_said = |token: &VerifiedToken| {
        let members = allowed.as_object().filter(|members| !members.is_empty());
        members.is_some_and(|members| members.iter().all(|(name, value)| token.claims().get(name) == Some(value)))
    };
    if is_said(&actor.token) { Ok(()) } else { Err(Denial::MayAct { relationship: relationship.clone() }) }
}

/// Whether the caller has proven a key of the kind that the target wants.
pub(super) fn check_binding(granted: &Granted, proven: &ProvenKeys) -> Result<(), Denial> {
    let wanted = granted.target.bind;
    let bound = match wanted {
        Binding::Any => true,
        Binding::Dpop => proven.key.is_some(),
        Binding::Mtls => proven.certificate.is_some(),
    };
    if bound { Ok(()) } else { Err(Denial::Binding { wanted, relationship: granted.relationship.name.clone() }) }
}
