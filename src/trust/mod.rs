//! Trust as files.
//!
//! Owns: the documents below the trust directory, presets, compilation, lint, trust tests, reload. Must not know: requests.

mod claims;
mod compile;
mod directory;
mod lint;
mod load;
mod preset;
mod read;
mod reload;
mod trust_test;

pub use compile::{CompiledTrust, TrustSettings};
pub use lint::{NAMES_WITHOUT_IDS, NARROW_IN_VAIN, REVIEW_OVERDUE, USER_CONTROLLED_CLAIM_ALONE};
pub use load::load;
pub use preset::{IssuerKind, Preset};
pub use reload::{ReloadOutcome, Reloader};
pub use trust_test::TrustTest;

#[cfg(test)]
mod tests;
