//! The sections about what guards an exchange: `[dpop]`, `[limits]`, `[revocation]`.

mod dpop;
pub(super) mod limits;
mod revocation;

pub use dpop::{DpopNonce, DpopSection};
pub use revocation::RevocationSection;
