//! Sections for those who want more, or less, than the defaults.
//!
//! Owns: `[dpop]`, `[limits]`, `[revocation]`. Must not know: other sections.

mod dpop;
mod limits;
mod revocation;

pub use dpop::{DpopNonce, DpopSection};
pub(super) use limits::read as read_limits;
pub use revocation::RevocationSection;
