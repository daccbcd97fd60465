//! What a node knows, whole: so that it can give it back to a store that lost it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::Timestamp;

use crate::revocation::rule::{Change, Rule, RuleId};
use crate::revocation::selector::Selector;

use super::Ended;

/// Changes under the numbers that the store gave them.
#[derive(Clone, Debug, Default)]
pub(in crate::revocation) struct Held {
    order: BTreeMap<u64, Kept>,
    /// Of what people made.
    numbers: HashMap<RuleId, u64>,
    lifted: HashSet<RuleId>,
    since: u64,
}

/// One change, as it is kept.
#[derive(Clone, Debug)]
pub(in crate::revocation) enum Kept {
    /// What people made.
    Made(Arc<Change>),
    /// A token that its holder ended.
    Token(Ended),
}

impl Kept {
    fn of(change: Change) -> Self {
        if let Change::Rule(rule) = &change
            && let (Selector::Own(id), Some(forget_at)) = (&rule.selector, rule.forget_at)
        {
            return Self::Token((Arc::clone(id), forget_at));
        }
        Self::Made(Arc::new(change))
    }

    /// As it stands in the store.
    pub(in crate::revocation) fn change(&self) -> Change {
        match self {
            Self::Made(change) => (**change).clone(),
            Self::Token((id, forget_at)) => Rule::of_ended(Arc::clone(id), *forget_at).into(),
        }
    }

    fn id(&self) -> RuleId {
        match self {
            Self::Made(change) => change.id(),
            Self::Token((id, _)) => RuleId::of_token(id),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Made(change) => matches!(&**change, Change::Rule(rule) if rule.is_over(now)),
            Self::Token((_, forget_at)) => *forget_at <= now,
        }
    }
}

impl Held {
    /// Takes in a change. What is new with it; a token may be told of twice.
    pub(in crate::revocation) fn learn(&mut self, number: u64, change: Change) -> Option<Kept> {
        if let Change::Lift(lift) = &change {
            self.lifted.insert(lift.rule.clone());
        }
        self.since = self.since.max(number);
        let kept = Kept::of(change);
        let mut before = None;
        if let Kept::Made(change) = &kept {
            before = self.numbers.insert(change.id(), number);
        }
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.insert(number, kept.clone());
        before.is_none().then_some(kept)
    }

    /// The highest number that it knows.
    pub(in crate::revocation) fn since(&self) -> u64 {
        self.since
    }

    /// The last change that the store has for certain, unless it lost it.
    pub(in crate::revocation) fn witness(&self, now: Timestamp) -> Option<(RuleId, u64)> {
        self.order.iter().rev().find(|(_, kept)| !kept.is_over(now)).map(|(number, kept)| (kept.id(), *number))
    }

    /// What is not over and that `other` does not know, in its order.
    pub(in crate::revocation) fn missing_from(&self, other: &Self, now: Timestamp) -> Vec<Kept> {
        let tokens: HashSet<&str> =
            other.order.values().filter_map(|kept| if let Kept::Token((id, _)) = kept { Some(&**id) } else { None }).collect();
        let known = |kept: &Kept| match kept {
            Kept::Made(change) => other.numbers.contains_key(&change.id()),
            Kept::Token((id, _)) => tokens.contains(&**id),
        };
        self.order.values().filter(|kept| !kept.is_over(now) && !known(kept)).cloned().collect()
    }

    /// Drops what is over.
    pub(in crate::revocation) fn forget(&mut self, now: Timestamp) {
        let numbers = &mut self.numbers;
        self.order.retain(|_, kept| {
            let over = kept.is_over(now);
            if let Kept::Made(change) = kept
                && over
            {
                numbers.remove(&change.id());
            }
            !over
        });
    }

    /// Every rule that is neither lifted nor over, oldest first.
    pub(in crate::revocation) fn in_force(&self, now: Timestamp) -> Vec<Arc<Rule>> {
        let rules = self.order.values().filter(|kept| !kept.is_over(now)).filter_map(|kept| match kept {
            Kept::Made(change) => {
                if let Change::Rule(rule) = &**change {
                    Some(Arc::clone(rule))
                } else {
                    None
                }
            }
            Kept::Token((id, forget_at)) => Some(Arc::new(Rule::of_ended(Arc::clone(id), *forget_at))),
        });
        rules.filter(|rule| !self.lifted.contains(&rule.id)).collect()
    }

    /// Every rule that somebody made and nobody lifted.
    pub(in crate::revocation) fn made(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let rules = self.order.values().filter_map(|kept| match kept {
            Kept::Made(change) => {
                if let Change::Rule(rule) = &**change {
                    Some(rule)
                } else {
                    None
                }
            }
            Kept::Token(_) => None,
        });
        rules.filter(|rule| !self.lifted.contains(&rule.id))
    }
}
