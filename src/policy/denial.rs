//! Why an exchange is denied.

use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, RelationshipName};

use super::target::Binding;

/// No relationship permits the exchange. Everything in it is for the decision record; the caller learns [`Self::reason`] and, from
/// [`Self::Condition`], the names of the claims.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// The actor token does not meet what the relationship asks of it.
    ActorFailed(Miss),
    /// The chain of actors would be longer than [`super::MAX_ACTORS`].
    ActorDepth {
        /// The relationship.
        relationship: RelationshipName,
    },
    /// The relationships that would permit it want an actor token, and none came.
    ActorRequired {
        /// All of them, sorted.
        relationships: Vec<RelationshipName>,
    },
    /// An actor token came, and no relationship asks for one: nothing is taken silently for less than it says (RFC 8693 §1.1).
    ActorUnused {
        /// Those whose conditions hold, sorted.
        relationships: Vec<RelationshipName>,
    },
    /// Several relationships permit it, and none of them was named.
    Ambiguous {
        /// All of them, sorted.
        relationships: Vec<RelationshipName>,
    },
    /// The target wants its tokens bound to a key, and the caller has proven none of that kind.
    Binding {
        /// What it wants.
        wanted: Binding,
        /// The relationship that would permit it.
        relationship: RelationshipName,
    },
    /// A relationship that knows the caller wants other claims.
    Condition(Miss),
    /// The issued token would have no time to live: the grant says `cap_to_subject` and the subject token is at its end.
    Lifetime {
        /// The relationship.
        relationship: RelationshipName,
    },
    /// The token was narrowed from a narrowed one too often: each token names all that it comes from.
    LineLength {
        /// The relationship.
        relationship: RelationshipName,
    },
    /// The subject token says who may act for it, and this actor is not among them (RFC 8693 §4.4).
    MayAct {
        /// The relationship that would permit it.
        relationship: RelationshipName,
    },
    /// No relationship knows the caller. A stranger learns nothing else.
    NoRelationship {
        /// The relationship that came nearest, where looking for it was cheap.
        nearest: Option<Miss>,
    },
    /// A token of ours came, and its grant does not let it be exchanged for a narrower one.
    NotNarrowed {
        /// The relationship it came from.
        relationship: RelationshipName,
    },
    /// A scope is asked for that is not granted.
    Scope {
        /// Those that grant the target.
        relationships: Vec<RelationshipName>,
    },
    /// The target is not granted, unknown, not the only one, or issues another kind of token.
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
            Self::ActorDepth { .. } => "actor_depth",
            Self::ActorFailed(_) => "actor_failed",
            Self::ActorRequired { .. } => "actor_required",
            Self::ActorUnused { .. } => UNUSED,
            Self::Ambiguous { .. } => "ambiguous",
            Self::Binding { wanted: Binding::Mtls, .. } => "certificate_required",
            Self::Binding { .. } => "proof_required",
            Self::Condition(_) => "condition_failed",
            Self::Lifetime { .. } => "lifetime",
            Self::LineLength { .. } => "line_length",
            Self::MayAct { .. } => "may_act",
            Self::NoRelationship { .. } => "no_relationship",
            Self::NotNarrowed { .. } => "not_narrowed",
            Self::Scope { .. } => "scope",
            Self::Target { .. } => "target",
        }
    }
}

/// Answered as a malformed request, which has its own name for it: nobody's trust is missing.
const UNUSED: &str = "actor_unused";

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
