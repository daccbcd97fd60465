//! One rule of trust.

use std::sync::Arc;

use crate::domain::{ClaimPath, Claims, IssuerName, RelationshipName, Scopes, Seconds, Timestamp};

use super::actor::{ActorRule, pinned};
use super::condition::Condition;
use super::target::Target;

/// Groups of claims of which each relationship must pin one by value: what tells one tenant of an issuer from another.
pub type PinGroups = [Vec<ClaimPath>];

/// One rule: tokens of this issuer that meet all conditions may have what is granted.
#[derive(Clone, Debug)]
pub struct TrustRelationship {
    /// Its name: `client_id` of the tokens it permits.
    pub name: RelationshipName,
    /// Whose tokens.
    pub issuer: IssuerName,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Why it exists.
    pub purpose: Box<str>,
    /// The last second of the day by which somebody must have looked at it again.
    pub review_by: Timestamp,
    /// All must hold. Never empty.
    pub conditions: Box<[Condition]>,
    /// The second party that must agree, when there must be one.
    pub actor: Option<ActorRule>,
    /// What it offers: at most one grant for a target. Never empty.
    pub grants: Box<[Grant]>,
    /// Claims that are carried over into the issued token.
    pub mapping: Box<[ClaimMapping]>,
    /// Which of the conditions are the required pins, by index.
    pins: Box<[usize]>,
}

impl TrustRelationship {
    /// Marks the conditions that pin a claim of `required`. Fails with the groups that no condition pins.
    pub fn with_pins(mut self, required: &PinGroups) -> Result<Self, Vec<usize>> {
        self.pins = pinned(&self.conditions, required)?;
        Ok(self)
    }

    /// A relationship without its pins marked; see [`Self::with_pins`].
    #[must_use]
    pub fn new(name: RelationshipName, issuer: IssuerName, owner: Arc<str>, purpose: &str, review_by: Timestamp) -> Self {
        Self {
            name,
            issuer,
            owner,
            purpose: purpose.into(),
            review_by,
            conditions: Box::default(),
            actor: None,
            grants: Box::default(),
            mapping: Box::default(),
            pins: Box::default(),
        }
    }

    /// The conditions that pin the tenant.
    pub fn pins(&self) -> impl Iterator<Item = &Condition> {
        self.pins.iter().map(|index| &self.conditions[*index])
    }

    /// Claims of the subject token by which what it permits is found again, beside the immutable ids of its issuer: those of its conditions,
    /// and those that are carried over.
    pub fn marked(&self) -> impl Iterator<Item = &ClaimPath> {
        let carried = self.mapping.iter().map(|mapping| &*mapping.from);
        self.conditions.iter().map(|condition| &*condition.claim).chain(carried)
    }

    /// Whether the token comes from the workload's own tenant: only such a caller learns anything about this relationship.
    #[must_use]
    pub fn knows(&self, claims: &Claims) -> bool {
        self.pins().all(|pin| pin.holds(claims))
    }
}

/// The ceiling that a relationship offers for one target.
#[derive(Clone, Debug)]
pub struct Grant {
    /// For which target.
    pub target: Arc<Target>,
    /// Which of the target's scopes. Never empty.
    pub scopes: Scopes,
    /// Longest lifetime of an issued token, in seconds; at most the target's.
    pub lifetime: Seconds,
    /// Whether an issued token must not outlive its subject token.
    pub cap_to_subject: bool,
    /// Whether whoever holds a token of this grant may exchange it for a narrower one.
    pub narrow: bool,
}

impl Grant {
    /// A grant whose tokens may outlive the subject token, and are never narrowed.
    #[must_use]
    pub fn new(target: Arc<Target>, scopes: Scopes, lifetime: Seconds) -> Self {
        Self { target, scopes, lifetime, cap_to_subject: false, narrow: false }
    }
}

/// A claim of the subject token that appears in the issued token, under a name that is no registered JWT claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClaimMapping {
    /// Its name in the issued token.
    pub name: Box<str>,
    /// Where it comes from. A claim that is absent there is left out.
    pub from: Arc<ClaimPath>,
}
