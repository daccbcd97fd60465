//! What a node knows, and can give back.
//!
//! Owns: all changes under their numbers, and the tokens that holders ended, of which there may be very many. Must not know: stores, what
//! rules select.

mod held;
mod holders;

pub(super) use held::{Held, Kept};
pub(super) use holders::{Ended, Holders};
