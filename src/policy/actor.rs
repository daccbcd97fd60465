//! Who else must agree to an exchange.

use std::sync::Arc;

use crate::domain::{ClaimPath, Claims, IssuerName};

use super::condition::Condition;
use super::relationship::PinGroups;

/// A relationship that has one asks for a second token: of this issuer, meeting all conditions.
#[derive(Clone, Debug)]
pub struct ActorRule {
    /// Whose tokens.
    pub issuer: IssuerName,
    /// What becomes of the second party.
    pub role: ActorRole,
    /// All must hold. Never empty.
    pub conditions: Box<[Condition]>,
    /// Which of the conditions are the required pins of the issuer, by index.
    pins: Box<[usize]>,
}

/// What the issued token says of the actor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ActorRole {
    /// Delegation: the actor is written into the token as `act` (RFC 8693 §4.1).
    Act,
    /// Corroboration: only the decision record names the second party.
    Witness,
}

impl ActorRole {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Witness => "witness",
        }
    }

    /// Reads the word of the configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Act, Self::Witness].into_iter().find(|role| role.name() == name)
    }
}

impl ActorRule {
    /// A rule with its pins marked. Fails with the groups of `required` that no condition pins.
    pub fn new(issuer: IssuerName, role: ActorRole, conditions: Box<[Condition]>, required: &PinGroups) -> Result<Self, Vec<usize>> {
        let pins = pinned(&conditions, required)?;
        Ok(Self { issuer, role, conditions, pins })
    }

    /// Claims of the actor token by which what it agrees to is found again, beside the immutable ids of its issuer.
    pub fn marked(&self) -> impl Iterator<Item = &ClaimPath> {
        self.conditions.iter().map(|condition| &*condition.claim)
    }

    /// Whether the actor satisfies it.
    #[must_use]
    pub fn holds(&self, actor: &Bearer<'_>) -> bool {
        self.issuer == *actor.issuer && self.conditions.iter().all(|condition| condition.holds(actor.claims))
    }

    /// Whether the actor comes from the tenant that the rule is about.
    #[must_use]
    pub fn knows(&self, actor: &Bearer<'_>) -> bool {
        self.issuer == *actor.issuer && self.pins.iter().all(|index| self.conditions[*index].holds(actor.claims))
    }
}

/// The issuer and the claims of a verified token.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// Under what name its issuer is registered.
    pub issuer: &'a IssuerName,
    /// What it says.
    pub claims: &'a Claims,
}

/// Marks the conditions that pin a claim of `required` by value. Fails with the groups that no condition pins.
pub(super) fn pinned(conditions: &[Condition], required: &PinGroups) -> Result<Box<[usize]>, Vec<usize>> {
    let pins_one_of = |condition: &Condition, group: &[ClaimPath]| {
        let claim: &Arc<ClaimPath> = &condition.claim;
        !condition.matcher.pinned().is_empty() && group.contains(claim)
    };
    let unmet = required.iter().enumerate().filter(|(_, group)| !conditions.iter().any(|condition| pins_one_of(condition, group)));
    let unmet: Vec<_> = unmet.map(|(index, _)| index).collect();
    if !unmet.is_empty() {
        return Err(unmet);
    }
    let pins = conditions.iter().enumerate().filter(|(_, condition)| required.iter().any(|group| pins_one_of(condition, group)));
    Ok(pins.map(|(index, _)| index).collect())
}
