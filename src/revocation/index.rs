//! Rules made by people, laid out for looking up.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, IssuerName, Mark, Timestamp};

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
    kind: Box<str>,
    /// Any of these.
    values: Vec<Box<str>>,
    issuer: Option<IssuerName>,
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
                return self.mark(&Mark::claim(path), spellings(value), issuer.clone(), rule);
            }
            Selector::Issuer(name) => {
                self.mark(Mark::ISSUER, vec![name.as_str().into()], None, rule);
                (&mut self.issuers, name.as_str())
            }
            Selector::KeyId(id) => {
                self.mark(Mark::KEY_ID, vec![id.clone()], None, rule);
                (&mut self.key_ids, &**id)
            }
            Selector::Subject(subject) => {
                self.mark(Mark::SUBJECT, vec![subject.clone()], None, rule);
                (&mut self.subjects, &**subject)
            }
            Selector::TokenId(id) => {
                self.mark(Mark::TOKEN_ID, vec![id.clone()], None, rule);
                (&mut self.token_ids, &**id)
            }
            Selector::Relationship(name) => (&mut self.relationships, name.as_str()),
            Selector::Target(audience) => (&mut self.targets, audience.as_str()),
        };
        table.0.entry(table.1.into()).or_default().add(rule);
    }

    fn mark(&mut self, kind: &str, values: Vec<Box<str>>, issuer: Option<IssuerName>, rule: &Rule) {
        self.marked.push(Marked { kind: kind.into(), values, issuer, hit: Hit::of(rule) });
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
        let marked = move |id: &str, kind: &str, value: &str| facts.marks.contains(&Mark::of(id, kind, value).as_str());
        let found = own_id.into_iter().flat_map(move |id| {
            self.marked.iter().filter(move |rule| {
                rule.values.iter().any(|value| marked(id, &rule.kind, value))
                    && (is_of(rule.issuer.as_ref(), facts)
                        || rule.issuer.as_ref().is_some_and(|issuer| marked(id, Mark::ISSUER, issuer.as_str())))
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

/// The JSON texts that a claim may have whose value is spelled like this.
pub(super) fn spellings(value: &str) -> Vec<Box<str>> {
    let quoted = serde_json::to_string(value).unwrap_or_default().into();
    let scalar = matches!(serde_json::from_str(value), Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_)));
    if scalar { vec![quoted, value.into()] } else { vec![quoted] }
}
