//! DPoP proofs (RFC 9449): that whoever sends a request holds a key, now, for this request.
//!
//! Owns: the road from [`ProofText`] to [`VerifiedProof`], what a proof's URL is compared with, the nonces that we ask for.
//! Must not know: which requests need a proof, and where used proofs are remembered. Pure.

mod nonce;
mod rejected;
mod text;
mod unverified;
mod uri;
mod verify;

#[cfg(test)]
mod tests;

pub use nonce::{NonceKey, NonceRule, ProofNonces};
pub use rejected::RejectedProof;
pub use text::ProofText;
pub use verify::{ProofExpectations, VerifiedProof, verify_proof};

use crate::domain::Seconds;

use super::Algorithm;

/// What a proof may be signed with: every asymmetric algorithm that we know (RFC 9449 §4.3, number 5).
pub const PROOF_ALGORITHMS: [Algorithm; 9] = Algorithm::ALL;
/// How long ago a proof may have been made, in seconds (RFC 9449 §11.1). It is remembered for as long.
const OLDEST: Seconds = Seconds(60);
/// How far ahead of our clock a proof may have been made, in seconds. No more than the replay fence counts on.
const AHEAD: Seconds = Seconds(5);
