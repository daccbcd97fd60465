//! Why an exchange is denied.

use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, RelationshipName};

/// No relationship permits the exchange. Everything in it is for the decision record; the caller learns [`Self::reason`] and, from
/// [`Self::Condition`], the names of the claims.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// Several relationships permit it, and none of them was named.
    Ambiguous {
        /// All of them, sorted.
        relationships: Vec<RelationshipName>,
    },
    /// A relationship that knows the caller wants other claims.
    Condition(Miss),
    /// The issued token would have no time to live: the grant says `cap_to_subject` and the subject token is at its end.
    Lifetime {
        /// The relationship.
        relationship: RelationshipName,
    },
    /// No relationship knows the caller. A stranger learns nothing else.
    NoRelationship {
        /// The relationship that came nearest, where looking for it was cheap.
        nearest: Option<Miss>,
    },
    /// A scope is asked for that is not granted.
    Scope {
        /// Those that grant the target.
        relationships: Vec<RelationshipName>,
    },
    /// The target is not granted, unknown, or not the only one.
    Target {
        /// Those whose conditions hold.
        relationships: Vec<RelationshipName>,
    },
}

impl Denial {
    /// The stable reason: on the wire, in the decision record, in metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "ambiguous",
            Self::Condition(_) => "condition_failed",
            Self::Lifetime { .. } => "lifetime",
            Self::NoRelationship { .. } => "no_relationship",
            Self::Scope { .. } => "scope",
            Self::Target { .. } => "target",
        }
    }
}

/// A relationship that the token does not satisfy, and what it lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Which relationship.
    pub relationship: RelationshipName,
    /// The conditions that failed. Never empty.
    pub failed: Vec<FailedCondition>,
    /// What the token says where the others hold.
    pub held: Vec<(Arc<ClaimPath>, ClaimValue)>,
}

/// One condition that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedCondition {
    /// Which claim.
    pub claim: Arc<ClaimPath>,
    /// What was expected, in words.
    pub expected: String,
    /// What the token says; `None` when it says nothing.
    pub actual: Option<ClaimValue>,
}
