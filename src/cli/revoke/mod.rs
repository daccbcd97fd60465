//! `cambist revoke`, `block`, `unblock`, `revocations`: taking back, beside running servers.
//!
//! Owns: what can be selected and how names are checked, waiting for the nodes, what is printed. Must not know: how a rule is enforced.

mod command;
mod reach;
mod select;
mod typed;
mod wait;
mod who;

pub(super) use command::{Decision, Lifting, block, list, revoke, unblock};
