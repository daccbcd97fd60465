//! Rules made by people, laid out for looking up.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, Fingerprint, IssuerName, Mark, Timestamp};

use super::facts::Facts;
use super::rule::{Rule, RuleId, RuleKind};
use super::selector::Selector;

/// Immutable: a change makes a new one.
#[derive(Debug, Default)]
pub(super) struct Index {
    rules: usize,
    all: Hit,
    issuers: Table,
    key_ids: Table,
    relationships: Table,
    subjects: Table,
    targets: Table,
    token_ids: Table,
    claims: HashMap<ClaimPath, HashMap<Box<str>, Vec<OfIssuer>>>,
    /// Rules about what an own token came from and does not say: each is compared with its marks.
    marked: Vec<Marked>,
}

/// By what is compared.
type Table = HashMap<Box<str>, Hit>;

/// All rules that select the same.
#[derive(Debug, Default)]
struct Hit {
    block: Option<RuleId>,
    /// The latest one.
    cut_off: Option<(Timestamp, RuleId)>,
}

/// A rule about a claim, perhaps of one issuer only.
#[derive(Debug)]
struct OfIssuer {
    issuer: Option<IssuerName>,
    hit: Hit,
}

#[derive(Debug)]
struct Marked {
    /// Any of these.
    fingerprints: Vec<Fingerprint>,
    /// Of this issuer only: its name, and how marks spell it.
    issuer: Option<(IssuerName, Fingerprint)>,
    hit: Hit,
}

impl Index {
    pub(super) fn of<'a>(rules: impl Iterator<Item = &'a Arc<Rule>>) -> Self {
        let mut index = Self::default();
        for rule in rules {
            index.rules += usize::from(!matches!(rule.selector, Selector::Own(_)));
            index.add(rule);
        }
        index
    }

    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.rules
    }

    fn add(&mut self, rule: &Rule) {
        let table = match &rule.selector {
            Selector::All => return self.all.add(rule),
            // There may be a hundred thousand of these: they are kept apart.
            Selector::Own(_) => return,
            Selector::Claim { path, value, issuer } => {
                let values = self.claims.entry(path.clone()).or_default();
                values.entry(value.clone()).or_default().push(OfIssuer { issuer: issuer.clone(), hit: Hit::of(rule) });
                let issuer = issuer.as_ref().map(|name| (name.clone(), Fingerprint::of(Mark::ISSUER, name.as_str())));
                return self.marked.push(Marked { fingerprints: fingerprints(path, value), issuer, hit: Hit::of(rule) });
            }
            Selector::Issuer(name) => {
                self.mark(Fingerprint::of(Mark::ISSUER, name.as_str()), rule);
                (&mut self.issuers, name.as_str())
            }
            Selector::KeyId(id) => {
                self.mark(Fingerprint::of(Mark::KEY_ID, id), rule);
                (&mut self.key_ids, &**id)
            }
            Selector::Subject(subject) => {
                self.mark(Fingerprint::of(Mark::SUBJECT, subject), rule);
                (&mut self.subjects, &**subject)
            }
            Selector::TokenId(id) => {
                self.mark(Fingerprint::of(Mark::TOKEN_ID, id.as_str()), rule);
                (&mut self.token_ids, id.as_str())
            }
            Selector::Relationship(name) => (&mut self.relationships, name.as_str()),
            Selector::Target(audience) => (&mut self.targets, audience.as_str()),
        };
        table.0.entry(table.1.into()).or_default().add(rule);
    }

    fn mark(&mut self, fingerprint: Fingerprint, rule: &Rule) {
        self.marked.push(Marked { fingerprints: vec![fingerprint], issuer: None, hit: Hit::of(rule) });
    }

    /// The rule that refuses this token, if one does; any of several.
    pub(super) fn find(&self, facts: &Facts<'_>) -> Option<RuleId> {
        if self.rules == 0 {
            return None;
        }
        let tables: [(&Table, &[&str]); 5] = [
            (&self.issuers, &facts.issuers),
            (&self.relationships, &facts.relationships),
            (&self.targets, &facts.targets),
            (&self.token_ids, &facts.token_ids),
            (&self.key_ids, facts.key_id.as_slice()),
        ];
        let named = tables.into_iter().flat_map(|(table, values)| values.iter().filter_map(|value| table.get(*value)));
        let subjects = facts.subjects.iter().filter_map(|subject| self.subjects.get(&**subject));
        let mut hits = std::iter::once(&self.all).chain(named).chain(subjects).chain(self.claims_of(facts)).chain(self.marks_of(facts));
        hits.find_map(|hit| hit.refuses(facts)).cloned()
    }

    fn claims_of<'a>(&'a self, facts: &'a Facts<'a>) -> impl Iterator<Item = &'a Hit> {
        let found = facts.claims.into_iter().flat_map(move |claims| {
            self.claims.iter().flat_map(move |(path, values)| {
                let spelled = claims.at(path).map(spelled).unwrap_or_default();
                spelled.into_iter().filter_map(|text| values.get(&*text)).flatten()
            })
        });
        found.filter(|rule| is_of(rule.issuer.as_ref(), facts)).map(|rule| &rule.hit)
    }

    fn marks_of<'a>(&'a self, facts: &'a Facts<'a>) -> impl Iterator<Item = &'a Hit> {
        // Marks are made for the first token of a line, and go with those that are narrowed from it.
        let own_id = facts.token_ids.last().filter(|_| facts.ours && !facts.marks.is_empty());
        let marked = move |id: &str, fingerprint: &Fingerprint| facts.marks.contains(&Mark::of(id, fingerprint).as_str());
        let found = own_id.into_iter().flat_map(move |id| {
            self.marked.iter().filter(move |rule| {
                let of_issuer = || rule.issuer.as_ref().is_none_or(|(name, witness)| is_of(Some(name), facts) || marked(id, witness));
                rule.fingerprints.iter().any(|one| marked(id, one)) && of_issuer()
            })
        });
        found.map(|rule| &rule.hit)
    }
}

fn is_of(issuer: Option<&IssuerName>, facts: &Facts<'_>) -> bool {
    issuer.is_none_or(|issuer| facts.issuers.contains(&issuer.as_str()))
}

impl Hit {
    fn of(rule: &Rule) -> Self {
        let mut hit = Self::default();
        hit.add(rule);
        hit
    }

    fn add(&mut self, rule: &Rule) {
        match rule.kind {
            RuleKind::Block => self.block = Some(rule.id.clone()),
            RuleKind::CutOff { before } if self.cut_off.as_ref().is_none_or(|(latest, _)| *latest < before) => {
                self.cut_off = Some((before, rule.id.clone()));
            }
            RuleKind::CutOff { .. } => {}
        }
    }

    fn refuses(&self, facts: &Facts<'_>) -> Option<&RuleId> {
        let cut_off = self.cut_off.as_ref().filter(|(before, _)| facts.issued_at.is_none_or(|at| at <= *before + facts.margin));
        self.block.as_ref().or(cut_off.map(|(_, rule)| rule))
    }
}

/// What a claim says, as texts: a string as it is, numbers and booleans as they are written, a list as its elements.
fn spelled(value: &ClaimValue) -> Vec<String> {
    match value {
        ClaimValue::Text(text) => vec![text.to_string()],
        ClaimValue::Bool(_) | ClaimValue::Number(_) => serde_json::to_string(value).into_iter().collect(),
        ClaimValue::List(items) => items.iter().filter(|item| !matches!(item, ClaimValue::List(_))).flat_map(spelled).collect(),
        ClaimValue::Null | ClaimValue::Object(_) => Vec::new(),
    }
}

/// How marks spell a claim with this value: as a text, and as the number or truth value that it may be.
pub(super) fn fingerprints(path: &ClaimPath, value: &str) -> Vec<Fingerprint> {
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let scalar = matches!(serde_json::from_str(value), Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_)));
    let spellings = std::iter::once(&*quoted).chain(scalar.then_some(value));
    spellings.map(|json| Fingerprint::of_claim(path, json.as_bytes())).collect()
}
