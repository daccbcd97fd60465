//! Relationships, against the issuers and targets they name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::document::{Diagnostics, Place, Spanned};
use crate::domain::{ClaimPath, ClaimValue, IssuerName, RelationshipName, Scope, Scopes, Seconds, SpiffeId, TargetName, Timestamp};
use crate::policy::{ClaimMapping, Condition, Grant, Target, TrustRelationship};
use crate::trust::lint;
use crate::trust::preset::Preset;
use crate::trust::read::{ReadCondition, ReadConditions, ReadGrant, ReadRelationship, Reader};
use crate::trust::trust_test::TrustTest;

use super::conditions::{contradiction, foreign_subject, path};
use super::issuer::CompiledIssuer;

/// The lifetime of a grant that names none, in seconds; clipped to the target's.
const DEFAULT_LIFETIME: Seconds = Seconds(15 * 60);
/// With more names than this an error does not list them.
const LISTED_NAMES: usize = 8;

/// What every relationship is compiled against.
pub(super) struct RelationshipCompiler<'c> {
    pub(super) read: &'c Reader,
    pub(super) issuers: &'c HashMap<IssuerName, CompiledIssuer>,
    pub(super) targets: &'c HashMap<TargetName, Arc<Target>>,
    pub(super) now: Timestamp,
    pub(super) diagnostics: &'c Diagnostics,
}

impl RelationshipCompiler<'_> {
    /// Compiles one relationship and its tests. `None` only when something was reported.
    pub(super) fn compile(&self, read: ReadRelationship) -> Option<(TrustRelationship, Vec<TrustTest>)> {
        let issuer = self.issuer(&read.name, read.issuer.as_ref(), "issuer");
        let grants = self.grants(&read.name, read.grants);
        let (wanted, actor) = (read.actor.is_some(), read.actor.and_then(|actor| self.actor(&read.name, actor)));
        let issuer = issuer?;
        let ReadConditions { conditions: written, complete } = read.conditions;
        self.check_conditions(&read.name, issuer, &written);
        if complete {
            lint::conditions(&format!("trust.{}.when", read.name), &read.place, &written, issuer.preset, self.diagnostics);
        }
        lint::review(&read.name, read.review_by.as_ref(), self.now, self.diagnostics);

        let review_by = read.review_by.map_or(Timestamp::MAX, |review| review.value);
        let mut rule = TrustRelationship::new(read.name, issuer.name.clone(), read.owner, &read.purpose, review_by);
        rule.conditions = conditions(written, issuer);
        rule.grants = grants.into();
        rule.actor = actor;
        rule.mapping = read.mappings.into_iter().map(|mapping| ClaimMapping { name: mapping.name, from: mapping.from.value }).collect();
        if !complete || wanted && rule.actor.is_none() {
            return None;
        }
        let tests = read.tests.into_iter().filter_map(|test| self.test(test, &rule, issuer)).collect();
        let name = rule.name.clone();
        match rule.with_pins(&issuer.preset.required) {
            Ok(rule) => Some((rule, tests)),
            Err(unmet) => {
                for group in unmet {
                    self.unmet(&name, (&read.place, "when"), issuer.preset, group);
                }
                None
            }
        }
    }

    pub(super) fn error(&self, place: &Place, name: &RelationshipName, message: impl fmt::Display) {
        self.diagnostics.error_at(place, format!("trust.{name}{message}"));
    }

    pub(super) fn unmet(&self, name: &RelationshipName, at: (&Place, &str), preset: &Preset, group: usize) {
        let claims = preset.required.get(group).into_iter().flatten().map(|claim| format!("`{claim}`"));
        let claims = claims.collect::<Vec<_>>().join(" or ");
        let (place, field) = at;
        let message = "nothing tells this workload from a stranger's: pin";
        self.error(place, name, format_args!(".{field}: {message} {claims} to a value, or to a list of values"));
    }

    pub(super) fn issuer(&self, name: &RelationshipName, named: Option<&Spanned<IssuerName>>, field: &str) -> Option<&CompiledIssuer> {
        let named = named?;
        if let Some(issuer) = self.issuers.get(&named.value) {
            return Some(issuer);
        }
        if !self.read.incomplete && !self.read.issuer_names.contains(&named.value) {
            let known = listed(self.read.issuer_names.iter());
            self.error(&named.place, name, format_args!(".{field}: no issuer `{}` is registered{known}", named.value));
        }
        None
    }

    pub(super) fn target(&self, named: &Spanned<TargetName>, of: &RelationshipName, field: &str) -> Option<&Arc<Target>> {
        let found = self.targets.get(&named.value);
        if found.is_none() && !self.read.incomplete && !self.read.target_names.contains(&named.value) {
            let known = listed(self.read.target_names.iter());
            self.error(&named.place, of, format_args!(".{field}.target: no target `{}` is registered{known}", named.value));
        }
        found
    }

    pub(super) fn check_conditions(&self, name: &RelationshipName, issuer: &CompiledIssuer, conditions: &[ReadCondition]) {
        for ReadCondition { condition, place } in conditions {
            let foreign = || foreign_subject(issuer.trust_domain()?, condition);
            if let Some(message) = contradiction(issuer.preset, condition).or_else(foreign) {
                self.diagnostics.error_at(place, format!("{}: {message}", path(name.as_str(), &condition.claim)));
            }
        }
    }

    fn grants(&self, name: &RelationshipName, read: Vec<ReadGrant>) -> Vec<Grant> {
        let mut grants: Vec<Grant> = Vec::with_capacity(read.len());
        for grant in read {
            let Some(target) = self.target(&grant.target, name, "grant") else { continue };
            if grants.iter().any(|other| other.target.name == target.name) {
                let message = format_args!(".grant.target: `{}` is granted twice: merge the two grants", target.name);
                self.error(&grant.target.place, name, message);
            }
            let scopes = self.scopes(name, target, &grant.scopes);
            if let Some(lifetime) = grant.lifetime.as_ref().filter(|lifetime| lifetime.value > target.max_lifetime) {
                let message = format_args!(
                    ".grant.lifetime: {} is longer than {}, the `max_lifetime` of target `{}`",
                    lifetime.value, target.max_lifetime, target.name
                );
                self.error(&lifetime.place, name, message);
            }
            if let Some(narrow) = &grant.narrow {
                lint::narrowing(name, &narrow.place, target, self.diagnostics);
            }
            let lifetime = grant.lifetime.map_or(DEFAULT_LIFETIME, |lifetime| lifetime.value).min(target.max_lifetime);
            grants.push(Grant {
                target: Arc::clone(target),
                scopes: Scopes::from(scopes),
                lifetime,
                cap_to_subject: grant.cap_to_subject,
                narrow: grant.narrow.is_some(),
            });
        }
        grants.sort_by(|a, b| a.target.name.cmp(&b.target.name));
        grants
    }

    /// The scopes of a grant as the target's own copies; those that it does not have are reported.
    fn scopes(&self, name: &RelationshipName, target: &Target, written: &[Spanned<Scope>]) -> Vec<Scope> {
        let shared = |scope: &Spanned<Scope>| {
            if let Some((shared, _)) = target.scopes.get_key_value(&scope.value) {
                return Some(shared.clone());
            }
            let known = listed(target.scopes.keys().map(Scope::as_str));
            let message = format_args!(".grant.scopes: target `{}` has no scope `{}`{known}", target.name, scope.value.as_str());
            self.error(&scope.place, name, message);
            None
        };
        written.iter().filter_map(shared).collect()
    }
}

/// What an example token of the issuer says in place of the preset's: its SPIFFE ID is of the issuer's own trust domain.
pub(super) fn own_example(issuer: &CompiledIssuer) -> Option<(Arc<ClaimPath>, ClaimValue)> {
    let subject = SpiffeId::parse(issuer.preset.example.text("sub")?).ok()?;
    let own = format!("{}{}", issuer.trust_domain()?.as_uri(), subject.path());
    Some((Arc::new(ClaimPath::parse("sub").ok()?), ClaimValue::Text(own.into())))
}

/// What was written, and what the preset refuses on top unless it was named; in one order, whatever the document's.
pub(super) fn conditions(read: Vec<ReadCondition>, issuer: &CompiledIssuer) -> Box<[Condition]> {
    let mut conditions: Vec<Condition> = read.into_iter().map(|read| read.condition).collect();
    let unnamed = |refusal: &&Condition| !conditions.iter().any(|condition| condition.claim == refusal.claim);
    let refusals: Vec<_> = issuer.refusals.iter().filter(unnamed).cloned().collect();
    conditions.extend(refusals);
    conditions.sort_by(|a, b| a.claim.cmp(&b.claim));
    conditions.into()
}

/// `; there are …` when that is short enough to help.
fn listed(names: impl Iterator<Item = impl fmt::Display>) -> String {
    let mut names: Vec<_> = names.map(|name| name.to_string()).collect();
    names.sort_unstable();
    match names.len() {
        0 => "; there is none".into(),
        1..=LISTED_NAMES => format!("; there are `{}`", names.join("`, `")),
        _ => String::new(),
    }
}
