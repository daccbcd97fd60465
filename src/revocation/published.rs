//! What is revoked, as everybody may read it: for whoever verifies our tokens without asking us.

use crate::domain::{Fingerprint, Mark, Seconds, Timestamp};

use super::index::fingerprints;
use super::rule::{Rule, RuleKind};
use super::selector::Selector;
use super::service::Snapshot;
use super::{CLOCK_MARGIN, VERIFIER_LEEWAY};

/// Refuses every token of ours that has all of these fingerprints, by what it says or by a mark in `rvk`.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct PublishedRule {
    /// What the token must have. Nothing: every token has it.
    pub all: Vec<Fingerprint>,
    /// Only tokens with `iat` below this, in seconds since 1970. The margin D is in it: a cut-off made at t refuses `iat ≤ t + D`, and says
    /// t + D + 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

impl Snapshot {
    /// Every rule that refuses a token of ours which may still be alive, oldest first.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<PublishedRule> {
        self.rules.iter().flat_map(|rule| published(rule, now)).collect()
    }
}

/// One rule for each way in which what it selects may be written.
fn published(rule: &Rule, now: Timestamp) -> Vec<PublishedRule> {
    let before = match rule.kind {
        RuleKind::Block => None,
        RuleKind::CutOff { before } => Some(before + CLOCK_MARGIN + Seconds(1)),
    };
    if before.is_some_and(|before| before + OUTLIVED_AFTER <= now) {
        return Vec::new();
    }
    let ways = match &rule.selector {
        Selector::All => vec![vec![]],
        Selector::Claim { path, value, issuer } => {
            let issuer = issuer.as_ref().map(|name| Fingerprint::of(Mark::ISSUER, name.as_str()));
            fingerprints(path, value).into_iter().map(|claim| [claim].into_iter().chain(issuer).collect()).collect()
        }
        Selector::Issuer(name) => vec![vec![Fingerprint::of(Mark::ISSUER, name.as_str())]],
        Selector::KeyId(id) => vec![vec![Fingerprint::of(Mark::KEY_ID, id)]],
        Selector::Own(id) => vec![vec![Fingerprint::of(Mark::TOKEN_ID, id)]],
        Selector::TokenId(id) => vec![vec![Fingerprint::of(Mark::TOKEN_ID, id.as_str())]],
        Selector::Relationship(name) => vec![vec![Fingerprint::of(Fingerprint::RELATIONSHIP, name.as_str())]],
        Selector::Subject(subject) => vec![vec![Fingerprint::of(Mark::SUBJECT, subject)]],
        Selector::Target(audience) => vec![vec![Fingerprint::of(Fingerprint::TARGET, audience.as_str())]],
    };
    ways.into_iter().map(|all| PublishedRule { all, before }).collect()
}

/// From when on nothing is left to refuse: the longest life of a token (1 hour), a verifier's leeway, and what clocks differ by.
const OUTLIVED_AFTER: Seconds = Seconds(3_600 + VERIFIER_LEEWAY.0 + CLOCK_MARGIN.0);
