//! From a permit to a token in somebody's hand.
//!
//! Owns: issuance (key ring, minting), the replay guard, the decision record, the notice of what is revoked, issuer
//! bindings. Inner order: issuance, then replay, then record.
//! Must not know: HTTP, where trust comes from.

pub mod bindings;
pub mod issuance;
pub mod notice;
pub mod own;
pub mod record;
pub mod replay;
#[cfg(test)]
mod tests;

use crate::store::Schema;

/// The tables of everything that is remembered here.
pub const SCHEMAS: &[Schema] = &[bindings::SCHEMA, issuance::SCHEMA, record::SCHEMA, replay::sqlite::SCHEMA];
