//! One signing key: its name, its public part and the signer.

use std::fmt;

use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::token::Algorithm;

use super::error::SigningFailed;
use super::signer::{Signer, base64_len, thumbprint};

/// `typ` of the tokens we issue (RFC 9068 §2.1).
pub(in crate::release) const ACCESS_TOKEN: &str = "at+jwt";

/// A signing key. Its `kid` is its thumbprint (RFC 7638), so two keys never share one and a key never changes it.
pub(super) struct SigningKey {
    algorithm: Algorithm,
    kid: Box<str>,
    jwk: Box<str>,
    /// The header of an issued token, in base64url: the same for every one of them.
    access_token_header: Box<str>,
    signer: Signer,
}

impl SigningKey {
    /// Makes a new key for `ES256`, `RS256` or `EdDSA`.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, SigningFailed> {
        let signer = Signer::generate(algorithm).map_err(|_| SigningFailed::NoKey(algorithm))?;
        Self::new(algorithm, signer)
    }

    /// Reads a key that [`Self::to_pkcs8`] wrote.
    pub(super) fn from_pkcs8(algorithm: Algorithm, document: &[u8]) -> Result<Self, SigningFailed> {
        let signer = Signer::from_pkcs8(algorithm, document).map_err(|_| SigningFailed::NoKey(algorithm))?;
        Self::new(algorithm, signer)
    }

    fn new(algorithm: Algorithm, signer: Signer) -> Result<Self, SigningFailed> {
        let mut members = signer.public();
        let kid = thumbprint(&members);
        members.extend([("kid", kid.to_string()), ("use", "sig".into()), ("alg", algorithm.name().into())]);
        let jwk = serde_json::to_string(&members).map_err(|_| SigningFailed::Crypto)?.into();
        let access_token_header = header(algorithm, ACCESS_TOKEN, &kid)?.into();
        Ok(Self { algorithm, kid, jwk, access_token_header, signer })
    }

    /// How it signs.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK (RFC 7517 §4), with `use`, `alg` and `kid`.
    pub(super) fn jwk(&self) -> &str {
        &self.jwk
    }

    /// The private key, for wrapping and nothing else. Wiped on drop.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningFailed> {
        self.signer.to_pkcs8().map_err(|_| SigningFailed::Crypto)
    }

    /// A secret made from the private key (RFC 5869), for one purpose: every process that holds the key makes the same, and neither tells
    /// anything about the other.
    pub(super) fn derive(&self, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, SigningFailed> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cambist derived key").extract(&self.to_pkcs8()?);
        let mut derived = Zeroizing::new([0; 32]);
        let filled = secret.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|material| material.fill(&mut *derived));
        filled.map(|()| derived).map_err(|_| SigningFailed::Crypto)
    }

    /// A compact JWS (RFC 7515 §7.1) of this payload. Allocated once, at its exact length, so that no copy is left behind.
    pub(super) fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, SigningFailed> {
        let rendered;
        let header: &str = if typ == ACCESS_TOKEN {
            &self.access_token_header
        } else {
            rendered = header(self.algorithm, typ, &self.kid)?;
            &rendered
        };
        let mut token = String::with_capacity(header.len() + 1 + base64_len(payload.len()) + self.signer.appended_len());
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        self.signer.sign_onto(&mut token).map_err(|_| SigningFailed::Crypto)?;
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

fn header(algorithm: Algorithm, typ: &str, kid: &str) -> Result<String, SigningFailed> {
    let json = serde_json::to_vec(&Header { alg: algorithm.name(), typ, kid }).map_err(|_| SigningFailed::Crypto)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_itself_and_hides_itself() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let again = SigningKey::from_pkcs8(Algorithm::EdDsa, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!((key.kid(), key.jwk()), (again.kid(), again.jwk()));
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ algorithm: EdDsa, kid: \"{}\", .. }}", key.kid()));
    }

    #[test]
    fn a_derived_key_survives_a_restart_and_is_for_one_purpose() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa] {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
            let derive = |key: &SigningKey, purpose: &[u8]| *key.derive(purpose).unwrap();
            assert_eq!(derive(&key, b"a"), derive(&again, b"a"), "{algorithm}");
            assert_ne!(derive(&key, b"a"), derive(&key, b"b"), "another purpose");
            assert_ne!(derive(&key, b"a"), derive(&SigningKey::generate(algorithm).unwrap(), b"a"), "another key");
        }
    }

    #[test]
    fn the_header_says_algorithm_type_and_key_and_nothing_else() {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        for typ in [ACCESS_TOKEN, "cambist-checkpoint+jws"] {
            let token = key.sign(typ, b"{}").unwrap();
            assert_eq!(token.capacity(), token.len(), "one allocation");
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            assert_eq!(String::from_utf8(header).unwrap(), format!(r#"{{"alg":"EdDSA","typ":"{typ}","kid":"{}"}}"#, key.kid()));
        }
    }
}
