//! What a node knows, whole: so that it can give it back to a store that lost it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::domain::Timestamp;

use super::rule::{Change, Rule, RuleId};

/// Changes under the numbers that the store gave them.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    order: BTreeMap<u64, Change>,
    numbers: HashMap<RuleId, u64>,
    lifted: HashSet<RuleId>,
    since: u64,
}

impl Held {
    /// Takes in a change. Whether it was unknown.
    pub(super) fn learn(&mut self, number: u64, change: Change) -> bool {
        if let Change::Lift(lift) = &change {
            self.lifted.insert(lift.rule.clone());
        }
        self.since = self.since.max(number);
        let before = self.numbers.insert(change.id(), number);
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.insert(number, change);
        before.is_none()
    }

    /// Whether it came from the store, and is not over.
    pub(super) fn knows(&self, rule: &RuleId) -> bool {
        self.numbers.contains_key(rule)
    }

    /// The highest number that it knows.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// The last change that the store has for certain, unless it lost it.
    pub(super) fn witness(&self, now: Timestamp) -> Option<(RuleId, u64)> {
        self.order.iter().rev().find(|(_, change)| !is_over(change, now)).map(|(number, change)| (change.id(), *number))
    }

    /// What is not over and that `other` does not know, in its order.
    pub(super) fn missing_from(&self, other: &Self, now: Timestamp) -> Vec<Change> {
        let missing = |change: &&Change| !is_over(change, now) && !other.numbers.contains_key(&change.id());
        self.order.values().filter(missing).cloned().collect()
    }

    /// Drops what is over.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let numbers = &mut self.numbers;
        self.order.retain(|_, change| {
            let over = is_over(change, now);
            if over {
                numbers.remove(&change.id());
            }
            !over
        });
    }

    /// Every rule that is neither lifted nor over, oldest first.
    pub(super) fn in_force(&self, now: Timestamp) -> Vec<Arc<Rule>> {
        self.rules().filter(|rule| !rule.is_over(now)).cloned().collect()
    }

    /// Every rule that is not lifted.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let rules = self.order.values().filter_map(|change| if let Change::Rule(rule) = change { Some(rule) } else { None });
        rules.filter(|rule| !self.lifted.contains(&rule.id))
    }
}

fn is_over(change: &Change, now: Timestamp) -> bool {
    if let Change::Rule(rule) = change { rule.is_over(now) } else { false }
}
