//! Rules, and their end.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ulid::Ulid;

use crate::domain::{Digest256, Seconds, Timestamp, random_bytes};

use super::selector::Selector;
use super::{CLOCK_MARGIN, CUT_OFF_KEPT, VERIFIER_LEEWAY};

/// Names a rule for ever. Whoever writes one twice, after an answer that was lost, writes one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// A new one, sortable by time. Lower case, because people type it.
    fn random_at(now: Timestamp) -> Self {
        let mut random = [0; 16];
        random[6..].copy_from_slice(&random_bytes::<10>());
        let ulid = Ulid::from_parts(now.unix().saturating_mul(1_000), u128::from_be_bytes(random));
        Self(ulid.to_string().to_ascii_lowercase().into())
    }

    /// The one id of the rule about one token of ours: revoking it twice is revoking it once.
    pub(super) fn of_token(token_id: &str) -> Self {
        let digest = Digest256::of_parts(&[b"cambist revoked token\0", token_id.as_bytes()]);
        Self(format!("t-{}", URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..16])).into())
    }

    /// Takes what stands in a store or was typed: 1 to 64 letters, digits, `-` and `_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let clean = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (clean && (1..=64).contains(&text.len())).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule does with what it selects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuleKind {
    /// Refuses it until the rule is lifted, or forgotten.
    Block,
    /// Refuses what was issued up to that instant, margins added. What has no `iat` counts as issued before.
    CutOff {
        /// When the rule was made.
        before: Timestamp,
    },
}

impl RuleKind {
    /// The stable word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::CutOff { .. } => "cut_off",
        }
    }
}

/// One decision to take something back. Never changed; a block may be lifted by a [`Lift`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What it does.
    pub kind: RuleKind,
    /// To which tokens.
    pub selector: Selector,
    /// Why, in words of whoever made it.
    pub reason: Box<str>,
    /// Who made it: user and machine.
    pub by: Box<str>,
    /// When it was made; 0 for what holders end, which is not kept.
    pub made_at: Timestamp,
    /// From when on nothing that it selects can be alive, so that it may be forgotten. None: never.
    pub forget_at: Option<Timestamp>,
}

impl Rule {
    /// Cuts off what was issued before now. Kept for [`CUT_OFF_KEPT`].
    #[must_use]
    pub fn cut_off(selector: Selector, reason: &str, by: &str, now: Timestamp) -> Self {
        let forget_at = Some(now + CUT_OFF_KEPT);
        Self { kind: RuleKind::CutOff { before: now }, forget_at, ..Self::block(selector, reason, by, now) }
    }

    /// Refuses until it is lifted.
    #[must_use]
    pub fn block(selector: Selector, reason: &str, by: &str, now: Timestamp) -> Self {
        Self {
            id: RuleId::random_at(now),
            kind: RuleKind::Block,
            selector,
            reason: reason.into(),
            by: by.into(),
            made_at: now,
            forget_at: None,
        }
    }

    /// Ends one token of ours that is refused everywhere from `refused_from` on.
    pub(super) fn of_token(token_id: &str, refused_from: Timestamp) -> Self {
        // Whoever verifies it without asking us may accept it for a little longer.
        Self::of_ended(token_id.into(), refused_from + VERIFIER_LEEWAY + CLOCK_MARGIN)
    }

    /// The same, to be forgotten from `forget_at` on. All that is kept of it is these two: when its holder did so is not known.
    pub(super) fn of_ended(token_id: Arc<str>, forget_at: Timestamp) -> Self {
        Self {
            id: RuleId::of_token(&token_id),
            forget_at: Some(forget_at),
            kind: RuleKind::Block,
            selector: Selector::Own(token_id),
            reason: "revoked by its holder".into(),
            by: "holder".into(),
            made_at: Timestamp::default(),
        }
    }

    /// Whether it may be forgotten.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.forget_at.is_some_and(|at| at <= now)
    }
}

/// The end of a block. Kept for ever, as the block is: a node that comes back with the block finds that it was lifted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lift {
    /// Which block.
    pub rule: RuleId,
    /// Who lifted it.
    pub by: Box<str>,
    /// When.
    pub made_at: Timestamp,
}

/// What can be added to the state. Nothing is ever taken from it but what is over, so that any two histories can be united.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// A block ends.
    Lift(Lift),
    /// A rule begins.
    Rule(Arc<Rule>),
}

impl Change {
    /// Its own name in the store.
    #[must_use]
    pub fn id(&self) -> RuleId {
        match self {
            Self::Lift(lift) => RuleId(format!("lift-{}", lift.rule).into()),
            Self::Rule(rule) => rule.id.clone(),
        }
    }

    /// From when on the store may forget it. It keeps it for an hour longer: by what a node knows to be there it sees what is not.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        match self {
            Self::Lift(_) => None,
            Self::Rule(rule) => rule.forget_at.map(|at| at + GRACE),
        }
    }
}

impl From<Rule> for Change {
    fn from(rule: Rule) -> Self {
        Self::Rule(Arc::new(rule))
    }
}

/// How much longer the store keeps a rule than nodes need it.
const GRACE: Seconds = Seconds(3_600);
