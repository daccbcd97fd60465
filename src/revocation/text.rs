//! The one text of a change, for both stores: JSON with a version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Audience, ClaimPath, IssuerName, RelationshipName, Timestamp};

use super::jti::Jti;
use super::rule::{Change, Lift, Rule, RuleId, RuleKind};
use super::selector::Selector;

/// A text that this version of cambist cannot read. What it does not know it must not ignore: the node stops following, and then issuing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the store holds a revocation (`{id}`) that this version of cambist cannot read: run the same version on every node")]
pub struct UnknownRule {
    /// Its id.
    pub id: Box<str>,
}

/// The text of a change.
pub(super) fn write(change: &Change) -> String {
    // No member of it can fail to be written.
    serde_json::to_string(&Wire::of(change)).unwrap_or_default()
}

/// Reads what [`write()`] wrote. Members that are not known make the text unknown.
pub(super) fn read(id: &str, text: &str) -> Result<Change, UnknownRule> {
    let unknown = || UnknownRule { id: id.into() };
    let change = serde_json::from_str::<Wire>(text).ok().and_then(Wire::change).ok_or_else(unknown)?;
    if change.id().as_str() == id { Ok(change) } else { Err(unknown()) }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    kind: Kind,
    id: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    select: Option<Select>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forget_at: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Block,
    CutOff,
    Lift,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Select {
    All,
    Claim { path: Box<str>, value: Box<str>, issuer: Option<Box<str>> },
    Issuer(Box<str>),
    Kid(Box<str>),
    Token(Box<str>),
    Relationship(Box<str>),
    Subject(Box<str>),
    Target(Box<str>),
    Jti(Box<str>),
}

impl Wire {
    fn of(change: &Change) -> Self {
        match change {
            Change::Lift(lift) => Self {
                v: VERSION,
                kind: Kind::Lift,
                id: lift.rule.as_str().into(),
                select: None,
                before: None,
                reason: None,
                by: Some(lift.by.clone()),
                made_at: Some(lift.made_at.unix()),
                forget_at: None,
            },
            Change::Rule(rule) => {
                let (kind, before) = match rule.kind {
                    RuleKind::Block => (Kind::Block, None),
                    RuleKind::CutOff { before } => (Kind::CutOff, Some(before.unix())),
                };
                // There may be hundreds of thousands of these, and they are all alike.
                let made = !matches!(rule.selector, Selector::Own(_));
                Self {
                    v: VERSION,
                    kind,
                    id: rule.id.as_str().into(),
                    select: Some(Select::of(&rule.selector)),
                    before,
                    reason: made.then(|| rule.reason.clone()),
                    by: made.then(|| rule.by.clone()),
                    made_at: made.then(|| rule.made_at.unix()),
                    forget_at: rule.forget_at.map(Timestamp::unix),
                }
            }
        }
    }

    fn change(self) -> Option<Change> {
        if self.v != VERSION {
            return None;
        }
        let (id, forget_at) = (RuleId::parse(&self.id)?, self.forget_at.map(Timestamp::from_unix));
        if let (Kind::Block, None, Some(Select::Token(token))) = (self.kind, self.before, &self.select) {
            return Some(Rule::of_ended((**token).into(), forget_at?).into());
        }
        let (by, made_at) = (self.by?, Timestamp::from_unix(self.made_at?));
        let kind = match (self.kind, self.before) {
            (Kind::Lift, None) => return Some(Change::Lift(Lift { rule: id, by, made_at })),
            (Kind::Block, None) => RuleKind::Block,
            (Kind::CutOff, Some(before)) => RuleKind::CutOff { before: Timestamp::from_unix(before) },
            _ => return None,
        };
        let (selector, reason) = (self.select?.selector()?, self.reason?);
        Some(Change::Rule(Arc::new(Rule { id, kind, selector, reason, by, made_at, forget_at })))
    }
}

impl Select {
    fn of(selector: &Selector) -> Self {
        match selector {
            Selector::All => Self::All,
            Selector::Claim { path, value, issuer } => Self::Claim {
                path: path.as_str().into(),
                value: value.clone(),
                issuer: issuer.as_ref().map(|issuer| issuer.as_str().into()),
            },
            Selector::Issuer(name) => Self::Issuer(name.as_str().into()),
            Selector::KeyId(id) => Self::Kid(id.clone()),
            Selector::Own(id) => Self::Token((**id).into()),
            Selector::Relationship(name) => Self::Relationship(name.as_str().into()),
            Selector::Subject(subject) => Self::Subject(subject.clone()),
            Selector::Target(audience) => Self::Target(audience.as_str().into()),
            Selector::TokenId(id) => Self::Jti(id.as_str().into()),
        }
    }

    fn selector(self) -> Option<Selector> {
        Some(match self {
            Self::All => Selector::All,
            Self::Claim { path, value, issuer } => {
                let issuer = issuer.map(|name| IssuerName::parse(&name)).transpose().ok()?;
                Selector::Claim { path: ClaimPath::parse(&path).ok()?, value, issuer }
            }
            Self::Issuer(name) => Selector::Issuer(IssuerName::parse(&name).ok()?),
            Self::Kid(id) => Selector::KeyId(id),
            Self::Token(id) => Selector::Own((*id).into()),
            Self::Relationship(name) => Selector::Relationship(RelationshipName::parse(&name).ok()?),
            Self::Subject(subject) => Selector::Subject(subject),
            Self::Target(audience) => Selector::Target(Audience::parse(&audience).ok()?),
            Self::Jti(id) => Selector::TokenId(Jti::kept(id)),
        })
    }
}

const VERSION: u8 = 1;
