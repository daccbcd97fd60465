//! The assessment of an ask: pure, and without authority.

use std::sync::Arc;

use crate::domain::{Claims, IssuerName, RelationshipName, Scopes, Seconds};

use crate::policy::actor::Bearer;
use crate::policy::ask::{Ask, RequestedType, TokenKind};
use crate::policy::denial::Denial;
use crate::policy::policy_set::TrustPolicy;
use crate::policy::relationship::{Grant, TrustRelationship};
use crate::policy::target::{Target, TokenFormat};

mod candidates;

pub(in crate::policy) use candidates::actor_miss;
use candidates::{agreeing, holding};

/// Who asks: the bearer of the subject token, and of the actor token when there is one.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// On whose behalf.
    pub subject: Bearer<'a>,
    /// Who else vouches for it.
    pub actor: Option<Bearer<'a>>,
}

impl<'a> Parties<'a> {
    /// A subject without an actor.
    #[must_use]
    pub fn alone(issuer: &'a IssuerName, claims: &'a Claims) -> Self {
        Self { subject: Bearer { issuer, claims }, actor: None }
    }
}

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
    /// The type of token that was asked for, which the target hands out.
    pub token_type: Option<RequestedType>,
}

/// Which relationship permits this ask to these parties?
///
/// (a) The relationships of the issuer, or the one that the ask names; (b) those whose conditions hold, for the actor too; (c) the target as asked, or the
/// one common to all of them; (d) those that grant it; (e) the whole asked set of scopes; (f) one remains. Never the first that
/// fits, never a union.
pub fn assess(policy: &TrustPolicy, parties: &Parties<'_>, ask: &Ask) -> Result<Granted, Denial> {
    let Some(rules) = policy.of(parties.subject.issuer) else { return Err(Denial::NoRelationship { nearest: None }) };
    let holding = agreeing(&holding(rules, parties.subject.claims, ask)?, parties)?;
    let target = target(&holding, ask).ok_or_else(|| Denial::Target { relationships: names(&holding) })?;

    let granting = holding.iter().filter_map(|relationship| grant_for(relationship, &target).map(|grant| (*relationship, grant)));
    let granting: Vec<_> = granting.filter(|(_, grant)| hands_out(&grant.target, ask)).collect();
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

/// Whether the target's tokens are of the type that is asked for.
pub(in crate::policy) fn hands_out(target: &Target, ask: &Ask) -> bool {
    let is_access_token = target.kind == TokenKind::AccessToken;
    let asked = match ask.token_type {
        None => true,
        Some(RequestedType::AccessToken) => is_access_token,
        // A grant for another server is asked for so, whoever can read it.
        Some(RequestedType::Jwt) => !is_access_token || (target.format == TokenFormat::Jwt && target.encryption.is_none()),
    };
    asked && (ask.takes_grants || is_access_token)
}

pub(in crate::policy) fn grant_for<'a>(relationship: &'a TrustRelationship, audience: &str) -> Option<&'a Grant> {
    relationship.grants.iter().find(|grant| grant.target.audience.as_str() == audience)
}

pub(in crate::policy) fn granted(relationship: &Arc<TrustRelationship>, grant: &Grant, ask: &Ask) -> Granted {
    let ceiling = grant.lifetime.min(grant.target.max_lifetime);
    Granted {
        relationship: Arc::clone(relationship),
        target: Arc::clone(&grant.target),
        scopes: ask.scopes.clone().unwrap_or_else(|| grant.scopes.clone()),
        lifetime: ask.lifetime.map_or(ceiling, |asked| asked.min(ceiling)),
        cap_to_subject: grant.cap_to_subject,
        token_type: ask.token_type,
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
