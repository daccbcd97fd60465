//! The whole compiled set of relationships, laid out for looking up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{ClaimPath, Claims, IssuerName, RelationshipName};

use super::condition::Scalar;
use super::relationship::TrustRelationship;
use super::target::Target;

/// All targets and relationships. Immutable: a reload makes a new one.
#[derive(Debug, Default)]
pub struct TrustPolicy {
    issuers: HashMap<IssuerName, IssuerRules>,
    targets: BTreeMap<Box<str>, Arc<Target>>,
}

/// The relationships of one issuer.
///
/// Each is filed once, under a value of one of its required pins: whoever lacks that value is no known caller of it anyway.
#[derive(Debug, Default)]
pub(super) struct IssuerRules {
    pub(super) all: Vec<Arc<TrustRelationship>>,
    by_name: HashMap<RelationshipName, usize>,
    filed: Vec<(Arc<ClaimPath>, ByValue)>,
    /// Those that pin no string.
    unfiled: Vec<u32>,
}

/// Relationships, by index into [`IssuerRules::all`], under each value that a claim is pinned to.
type ByValue = HashMap<Box<str>, Vec<u32>>;

impl TrustPolicy {
    /// Every target.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.values()
    }

    /// The target with exactly this audience.
    #[must_use]
    pub fn target(&self, audience: &str) -> Option<&Arc<Target>> {
        self.targets.get(audience)
    }

    /// Every relationship, issuer by issuer in no particular order.
    pub fn relationships(&self) -> impl Iterator<Item = &Arc<TrustRelationship>> {
        self.issuers.values().flat_map(|rules| &rules.all)
    }

    /// The relationship of that name, whichever issuer it belongs to.
    #[must_use]
    pub fn relationship(&self, name: &RelationshipName) -> Option<&Arc<TrustRelationship>> {
        self.issuers.values().find_map(|rules| rules.named(name.as_str()))
    }

    pub(super) fn of(&self, issuer: &IssuerName) -> Option<&IssuerRules> {
        self.issuers.get(issuer)
    }
}

impl IssuerRules {
    /// The relationships that may know the bearer of these claims: a superset of those whose required pins hold.
    pub(super) fn candidates<'a>(&'a self, claims: &'a Claims) -> impl Iterator<Item = &'a Arc<TrustRelationship>> {
        let filed = self.filed.iter().filter_map(|(path, values)| values.get(claims.at(path)?.as_text()?)).flatten();
        filed.chain(&self.unfiled).filter_map(|index| self.all.get(usize::try_from(*index).ok()?))
    }

    pub(super) fn named(&self, name: &str) -> Option<&Arc<TrustRelationship>> {
        let name = RelationshipName::parse(name).ok()?;
        self.by_name.get(&name).and_then(|index| self.all.get(*index))
    }
}

/// Collects what a [`TrustPolicy`] is made of.
#[derive(Debug, Default)]
pub struct TrustPolicyBuilder {
    targets: BTreeMap<Box<str>, Arc<Target>>,
    relationships: HashMap<IssuerName, Vec<Arc<TrustRelationship>>>,
}

impl TrustPolicyBuilder {
    /// Adds a target; its audience must not have been added before.
    pub fn target(&mut self, target: Arc<Target>) {
        self.targets.insert(target.audience.as_str().into(), target);
    }

    /// Adds a relationship whose pins are marked and whose name is unique.
    pub fn relationship(&mut self, relationship: TrustRelationship) {
        self.relationships.entry(relationship.issuer.clone()).or_default().push(Arc::new(relationship));
    }

    /// Lays everything out.
    #[must_use]
    pub fn build(self) -> TrustPolicy {
        let issuers = self.relationships.into_iter().map(|(issuer, all)| (issuer, lay_out(all))).collect();
        TrustPolicy { issuers, targets: self.targets }
    }
}

fn lay_out(mut all: Vec<Arc<TrustRelationship>>) -> IssuerRules {
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let selectivity = selectivity(&all);
    let mut filed: HashMap<Arc<ClaimPath>, ByValue> = HashMap::new();
    let mut unfiled = Vec::new();
    for (index, relationship) in all.iter().enumerate() {
        let Ok(index) = u32::try_from(index) else { break };
        // The pin whose claim takes the most values in this issuer's relationships tells the most.
        let pin = relationship.pins().filter(|pin| pin.matcher.pinned().iter().all(|value| matches!(value, Scalar::Text(_))));
        let Some(pin) = pin.max_by_key(|pin| selectivity.get(&pin.claim)) else {
            unfiled.push(index);
            continue;
        };
        let values = filed.entry(Arc::clone(&pin.claim)).or_default();
        for value in pin.matcher.pinned() {
            if let Scalar::Text(text) = value {
                let list = values.entry(text.clone()).or_default();
                if list.last() != Some(&index) {
                    list.push(index);
                }
            }
        }
    }
    let by_name = all.iter().enumerate().map(|(index, relationship)| (relationship.name.clone(), index)).collect();
    IssuerRules { by_name, all, filed: filed.into_iter().collect(), unfiled }
}

/// For each pinned claim, how many different strings it is pinned to.
fn selectivity(all: &[Arc<TrustRelationship>]) -> HashMap<Arc<ClaimPath>, usize> {
    let mut values: HashMap<&Arc<ClaimPath>, std::collections::HashSet<&str>> = HashMap::new();
    for pin in all.iter().flat_map(|relationship| relationship.pins()) {
        let texts = pin.matcher.pinned().iter().filter_map(|value| if let Scalar::Text(text) = value { Some(&**text) } else { None });
        values.entry(&pin.claim).or_default().extend(texts);
    }
    values.into_iter().map(|(claim, texts)| (Arc::clone(claim), texts.len())).collect()
}
