//! The public keys we ever published. Kept for ever: old decision logs are verified with them.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::domain::Timestamp;
use crate::token::Algorithm;

use super::key::SigningKey;

/// A public key that was in our key ring once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublishedKey {
    /// How it signs or signed.
    pub algorithm: Algorithm,
    /// When it entered the ring.
    pub first_published: Timestamp,
    /// The key as a JWK (RFC 7517 §4), public members only.
    pub jwk: Box<str>,
    /// Its name: its thumbprint (RFC 7638).
    pub kid: Box<str>,
}

impl PublishedKey {
    pub(super) fn new(key: &SigningKey, now: Timestamp) -> Self {
        Self { algorithm: key.algorithm(), first_published: now, jwk: key.jwk().into(), kid: key.kid().into() }
    }

    /// The payload of a compact JWS that [`super::KeyRing::sign`] made with this key under exactly this `typ`; `None` for anything
    /// else. Says nothing about when it was signed: that the key was the right one at that time is for the caller to know.
    #[must_use]
    pub fn verify(&self, typ: &str, compact: &str) -> Option<Vec<u8>> {
        let (message, signature) = compact.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if (header.alg, header.typ, header.kid) != (self.algorithm.name(), typ, &*self.kid) {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.verifies(message.as_bytes(), &signature)?;
        URL_SAFE_NO_PAD.decode(payload).ok()
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let jwk: Jwk = serde_json::from_str(&self.jwk).ok()?;
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let verified = match self.algorithm {
            Algorithm::Es256 => {
                let point = [&[4], &*bytes(jwk.x)?, &*bytes(jwk.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, bytes(jwk.x)?).verify(message, signature),
            Algorithm::Rs256 => {
                let key = PublicKeyComponents { n: bytes(jwk.n)?, e: bytes(jwk.e)? };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => return None,
        };
        verified.ok()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

#[derive(Deserialize)]
struct Jwk {
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::SIGNING_ALGORITHMS;
    use super::*;

    const TYP: &str = "cambist-checkpoint+jwt";

    #[test]
    fn only_the_key_and_the_type_that_signed_verify() {
        for algorithm in SIGNING_ALGORITHMS {
            let (key, other) = (SigningKey::generate(algorithm).unwrap(), SigningKey::generate(algorithm).unwrap());
            let now = Timestamp::from_unix(0);
            let (published, other) = (PublishedKey::new(&key, now), PublishedKey::new(&other, now));
            let token = key.sign(TYP, b"{\"head\":1}").unwrap();
            assert_eq!(published.verify(TYP, &token).as_deref(), Some(&b"{\"head\":1}"[..]), "{algorithm}");
            assert_eq!(published.verify("at+jwt", &token), None, "{algorithm}: another type");
            assert_eq!(other.verify(TYP, &token), None, "{algorithm}: another key");
            let renamed = PublishedKey { kid: published.kid.clone(), ..other };
            assert_eq!(renamed.verify(TYP, &token), None, "{algorithm}: another key of that name");
            let segments: Vec<_> = token.split('.').collect();
            let changed = [segments[0], "eyJoZWFkIjoyfQ", segments[2]].join(".");
            assert_eq!(published.verify(TYP, &changed), None, "{algorithm}: another payload");
            assert_eq!(published.verify(TYP, &format!("{token}.")), None, "{algorithm}: a fourth segment");
        }
    }
}
