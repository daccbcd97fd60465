//! May this token have that? Pure.
//!
//! Owns: relationships, conditions, grants, the assessment of an ask, and the [`Permit`]. Must not know: networks, stores, clocks,
//! where trust comes from.

mod ask;
mod assess;
mod condition;
mod denial;
mod evaluate;
mod glob;
mod policy_set;
mod relationship;
mod target;

pub use ask::{Ask, TokenKind};
pub use assess::{Granted, assess};
pub use condition::{ClaimMatcher, Condition, Scalar};
pub use denial::{Denial, FailedCondition, Miss};
pub use evaluate::{Permit, evaluate};
pub use glob::{Glob, InvalidGlob};
pub use policy_set::{TrustPolicy, TrustPolicyBuilder};
pub use relationship::{ClaimMapping, Grant, PinGroups, TrustRelationship};
pub use target::{Target, TokenFormat};
