//! May this token have that? Pure.
//!
//! Owns: relationships, conditions, grants, the assessment of an ask, and the [`Permit`]. Must not know: networks, stores, clocks,
//! where trust comes from.

mod actor;
mod ask;
mod assess;
mod condition;
mod denial;
mod glob;
mod permit;
mod policy_set;
mod relationship;
mod target;

pub use actor::{ActorRole, ActorRule, Bearer};
pub use ask::{Ask, RequestedType, TokenKind};
pub use assess::{Granted, Parties, assess};
pub use condition::{ClaimMatcher, Condition, Scalar};
pub use denial::{Denial, FailedCondition, Miss};
pub use glob::{Glob, InvalidGlob};
pub use permit::{Act, Party, Permit, Presented, evaluate, narrow};
pub use policy_set::{TrustPolicy, TrustPolicyBuilder};
pub use relationship::{ClaimMapping, Grant, PinGroups, TrustRelationship};
pub use target::{Binding, Target, TokenFormat};

/// Longest chain of actors in a token, read or written (RFC 8693 §4.1).
pub const MAX_ACTORS: usize = 4;

/// How many tokens may stand before the last one of a line of narrowed tokens: each is named in it.
pub const MAX_LINE: usize = 8;
