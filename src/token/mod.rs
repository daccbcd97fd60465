//! Verifying a subject token: strict compact JWS, strict JSON, strict claims.
//!
//! Owns: the road from [`UnverifiedToken`] to [`VerifiedToken`], public keys and their fitness, and why a token is rejected.
//! Must not know: networks, stores, trust. Pure: the same token, keys and instant give the same answer.

mod bond;
mod claims;
mod encryption;
mod jwk;
mod jws;
mod key_set;
mod proof;
mod rejected;
mod replay;
mod subject;
mod unverified;
mod verified;
mod verify;

pub use bond::{Bond, ProvenKeys, Shown};
pub use encryption::{EncryptionFailed, EncryptionKey, UnusableEncryptionKey};
pub use jwk::{Unusable, VerificationKey};
pub use jws::{Algorithm, Algorithms};
pub use key_set::{InvalidKeySet, KeyMiss, KeySet};
pub use proof::{
    NonceKey, NonceRule, PROOF_ALGORITHMS, ProofExpectations, ProofNonces, ProofText, RejectedProof, VerifiedProof, verify_proof,
};
pub use rejected::RejectedToken;
pub use replay::ReplayMode;
pub use subject::SubjectRule;
pub use unverified::UnverifiedToken;
pub use verified::VerifiedToken;
pub use verify::{Expectations, verify};

/// Longest token we will decode, in bytes. Checked before any decoding.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Longest JOSE header, in bytes after decoding.
pub const MAX_HEADER_BYTES: usize = 4 * 1024;
/// Deepest nesting of header and claims.
pub const MAX_JSON_DEPTH: usize = 16;
/// Most claims in one object.
pub const MAX_CLAIMS: usize = 256;
/// Largest key set document, in bytes.
pub const MAX_KEY_SET_BYTES: usize = 512 * 1024;
/// Most keys in one key set; a document with more is refused whole.
pub const MAX_KEYS: usize = 100;
