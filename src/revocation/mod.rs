//! Taking back: what was issued or presented, and must count for nothing any more.
//!
//! Owns: rules (cut-offs and blocks), their state in the store, how a node follows it, and the check that every token passes before
//! anything is issued for it ([`Cleared`]), and what of it everybody may read. Must not know: HTTP, minting, where trust comes from.

mod check;
mod facts;
mod index;
mod jti;
mod kept;
mod known;
mod published;
mod rule;
mod selector;
mod service;
mod sync;
#[cfg(test)]
mod tests;
mod text;

pub use check::{Cleared, NotCleared};
pub use jti::{Jti, NotAJti, refuse_token};
pub use kept::{Confirmation, Confirmations, SCHEMA, begin, confirmations, publish, rules};
pub use published::PublishedRule;
pub use rule::{Change, Lift, Rule, RuleId, RuleKind};
pub use selector::Selector;
pub use service::{RevocationSettings, Revocations, Snapshot, Vitals};
pub use sync::SyncError;
pub use text::UnknownRule;

use crate::domain::Seconds;

/// D: how far the clocks of nodes may be apart, and how long another node may issue after a cut-off was made. Ours is cut off with
/// `iat ≤ t + D`.
pub const CLOCK_MARGIN: Seconds = Seconds(5);
/// How far ahead an issuer's `iat` may be; the most that any issuer is granted. What is presented is cut off with `iat ≤ t + this + D`.
pub const INBOUND_MARGIN: Seconds = Seconds(10);
/// For how long after its `exp` a resource server may accept a token of ours, because clocks differ. What is published lasts as long.
pub const VERIFIER_LEEWAY: Seconds = Seconds(60);
/// How long a cut-off is kept. No own token lives longer than an hour and no accepted one longer than its issuer's `token_max_lifetime`; but
/// that setting may be raised after the cut-off was made, and a year is what reviews ask for. There are few: people make them.
pub const CUT_OFF_KEPT: Seconds = Seconds(400 * 86_400);
