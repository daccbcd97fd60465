//! The permit, and the only two ways to one.
//!
//! Owns: what is evidence that an ask is within a grant. Must not know: how a permit becomes a token.

mod act;
mod evaluate;
mod evidence;
mod narrow;

pub use act::Act;
pub use evaluate::evaluate;
pub use evidence::{Party, Permit, Presented};
pub use narrow::narrow;
