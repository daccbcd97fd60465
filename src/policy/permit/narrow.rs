//! From a token of our own to a permit for a narrower one.

use crate::domain::{ClaimValue, Claims, RelationshipName, Scopes, Timestamp, TokenId};
use crate::policy::MAX_LINE;
use crate::policy::actor::Bearer;
use crate::policy::ask::Ask;
use crate::policy::assess::{Granted, actor_miss, grant_for, granted, hands_out};
use crate::policy::denial::Denial;
use crate::policy::policy_set::TrustPolicy;

use super::act::Act;
use super::evaluate::{acting, check_binding};
use super::evidence::{Permit, Presented};

/// Decides what the bearer of a token of ours gets for it: at most what it says already (RFC 8693 §3 as we profile it). The same subject
/// and audience, no further scope, no later expiry, every actor that it names.
///
/// The trust of today decides once more: the relationship must still be there, still offer that grant, and let it be narrowed. Its
/// conditions are not looked at again, because the claims they are about are gone.
pub fn narrow(policy: &TrustPolicy, presented: Presented, ask: &Ask, now: Timestamp) -> Result<Permit, Denial> {
    let claims = presented.subject.token.claims();
    let stranger = || Denial::NoRelationship { nearest: None };
    let named = claims.text("client_id").and_then(|name| RelationshipName::parse(name).ok()).ok_or_else(stranger)?;
    let relationship = policy.relationship(&named).ok_or_else(stranger)?;
    let of_issuer =
        claims.text("sub").and_then(|subject| subject.split_once(':')).is_some_and(|(issuer, _)| issuer == relationship.issuer.as_str());
    if !of_issuer || ask.only_named && ask.relationship.as_deref().is_some_and(|name| name != named.as_str()) {
        return Err(stranger());
    }
    let audience = claims.text("aud").unwrap_or_default();
    let other_target = || Denial::Target { relationships: vec![named.clone()] };
    if ask.target.as_deref().is_some_and(|asked| asked != audience) {
        return Err(other_target());
    }
    let grant = grant_for(relationship, audience).filter(|grant| hands_out(&grant.target, ask)).ok_or_else(other_target)?;
    if !grant.narrow {
        return Err(Denial::NotNarrowed { relationship: named });
    }
    let scopes = scopes(claims, ask).filter(|scopes| scopes.within(&grant.scopes));
    let scopes = scopes.ok_or_else(|| Denial::Scope { relationships: vec![named.clone()] })?;
    let granted = Granted { scopes, ..granted(relationship, grant, ask) };
    check_binding(&granted, &presented.proven)?;

    let not_after = presented.subject.token.expires_at();
    if not_after <= now {
        return Err(Denial::Lifetime { relationship: named });
    }
    let act = act(&granted, &presented)?;
    let carried = granted.relationship.mapping.iter();
    let mapped = carried.filter_map(|mapping| Some((mapping.name.clone(), claims.get(&mapping.name)?.clone()))).collect();
    let line = line(claims).ok_or_else(stranger)?;
    if line.len() > MAX_LINE {
        return Err(Denial::LineLength { relationship: named });
    }
    let subject = claims.text("sub").unwrap_or_default().into();
    Ok(Permit { granted, subject, mapped, not_after: Some(not_after), act, line, presented })
}

/// The tokens that the new one comes from: the root, those between, and the one that is presented.
fn line(claims: &Claims) -> Option<Vec<TokenId>> {
    let own = claims.text("jti")?;
    let Some(root) = claims.text("root_jti") else { return Some(vec![TokenId::known(own)]) };
    let between = match claims.get("ancestors") {
        None => Vec::new(),
        Some(ClaimValue::List(ids)) => ids.iter().map(ClaimValue::as_text).collect::<Option<_>>()?,
        Some(_) => return None,
    };
    Some(std::iter::once(root).chain(between).chain([own]).map(TokenId::known).collect())
}

/// What is asked, when the token has it; all that the token has, when nothing is asked.
fn scopes(claims: &Claims, ask: &Ask) -> Option<Scopes> {
    let held = Scopes::parse(claims.text("scope")?).ok()?;
    match &ask.scopes {
        None => Some(held),
        Some(asked) => asked.within(&held).then(|| asked.clone()),
    }
}

/// The actors so far, and the one who comes with this request. Nobody is forced to bring one again: whom the relationship asks for has
/// agreed to the token that is narrowed.
fn act(granted: &Granted, presented: &Presented) -> Result<Option<Act>, Denial> {
    let so_far = Act::of_own(presented.subject.token.claims());
    let Some(actor) = &presented.actor else { return Ok(so_far) };
    let relationship = &granted.relationship;
    let Some(rule) = &relationship.actor else { return Err(Denial::ActorUnused { relationships: vec![relationship.name.clone()] }) };
    let bearer = Bearer { issuer: actor.token.issuer_name(), claims: actor.token.claims() };
    if !rule.holds(&bearer) {
        return Err(Denial::ActorFailed(actor_miss(relationship, &bearer)));
    }
    let Some(newest) = acting(granted, Some(actor)) else { return Ok(so_far) };
    let longer = so_far.map_or_else(|| Some(Act::of(&newest)), |chain| chain.acted_for_by(&newest));
    longer.map(Some).ok_or_else(|| Denial::ActorDepth { relationship: relationship.name.clone() })
}
