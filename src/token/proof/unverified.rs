//! A proof that is well formed, and signed by the key that it carries. Nobody has looked at what it says.

use crate::domain::{ClaimValue, Claims, JsonLimits, Thumbprint, parse_json};

use super::super::jwk::{VerificationKey, thumbprint};
use super::super::jws::{Compact, header_members, is_media_type};
use super::super::{Algorithm, MAX_CLAIMS, MAX_JSON_DEPTH};
use super::{PROOF_ALGORITHMS, ProofText, RejectedProof};

/// Header parameters that would change what the signature means, or bring another key beside `jwk` (RFC 7515 §4.1, RFC 7797 §7).
const NEVER: [&str; 9] = ["crit", "b64", "zip", "enc", "jku", "x5u", "x5c", "x5t", "x5t#S256"];

/// Longest RSA modulus, as base64url: 4096 bits. Anybody may choose the key of a proof, and whoever is known by nothing else yet should not
/// choose how long we work on it.
const MAX_MODULUS: usize = 683;

/// The claims of a proof, and the key that signed them. Whether they are about this request is another question.
pub(super) struct UnverifiedProof {
    pub(super) claims: Claims,
    pub(super) key: Thumbprint,
}

impl UnverifiedProof {
    /// RFC 9449 §4.3, numbers 2 and 4 to 7.
    pub(super) fn parse(text: &ProofText) -> Result<Self, RejectedProof> {
        let compact = Compact::parse(text.reveal()).map_err(|_| RejectedProof::Malformed)?;
        let header = header_members(&compact.header).map_err(|_| RejectedProof::Malformed)?;
        if NEVER.iter().any(|name| header.get(name).is_some()) {
            return Err(RejectedProof::Header);
        }
        if !header.text("typ").is_some_and(|typ| is_media_type(typ, "dpop+jwt")) {
            return Err(RejectedProof::Type);
        }
        let algorithm = header.text("alg").and_then(Algorithm::from_name);
        let algorithm = algorithm.filter(|algorithm| PROOF_ALGORITHMS.contains(algorithm)).ok_or(RejectedProof::Algorithm)?;
        let jwk = header.get("jwk").and_then(ClaimValue::as_object).ok_or(RejectedProof::Key)?;
        if jwk.text("n").is_some_and(|modulus| modulus.len() > MAX_MODULUS) {
            return Err(RejectedProof::Key);
        }
        let key = VerificationKey::for_message(jwk, algorithm).map_err(|_| RejectedProof::Key)?;
        let thumbprint = thumbprint(jwk).ok_or(RejectedProof::Key)?;
        if !key.verifies(algorithm, compact.signing_input.as_bytes(), &compact.signature) {
            return Err(RejectedProof::Signature);
        }
        match parse_json(&compact.payload, JsonLimits { depth: MAX_JSON_DEPTH, members: MAX_CLAIMS }) {
            Ok(ClaimValue::Object(claims)) => Ok(Self { claims, key: thumbprint }),
            Ok(_) | Err(_) => Err(RejectedProof::Malformed),
        }
    }
}
