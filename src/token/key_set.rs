//! The public keys of one issuer (RFC 7517 §5).

use crate::domain::{ClaimValue, Claims, JsonError, JsonLimits, parse_json};

use super::jwk::{Unusable, VerificationKey};
use super::{Algorithm, Algorithms, MAX_KEY_SET_BYTES, MAX_KEYS};

/// Keys of one issuer, never merged with another's.
///
/// An unusable key stands beside the others with its reason; it never spoils them (RFC 7517 §5).
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Entry>,
}

/// A key with its `kid`, or why it cannot be used.
type Entry = (Option<Box<str>>, Result<VerificationKey, Unusable>);

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not JSON as we read it.
    #[error("the document is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// No `keys` array of objects.
    #[error("the document has no `keys` array of objects")]
    Shape,
    /// Larger than [`MAX_KEY_SET_BYTES`].
    #[error("the document is larger than 512 KiB")]
    TooLarge,
    /// More than [`MAX_KEYS`] keys.
    #[error("the document has more than 100 keys")]
    TooManyKeys,
}

/// Why no key of the set can verify a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyMiss {
    /// Several keys fit, and the token does not say which.
    Ambiguous,
    /// The key exists, but its algorithm is another.
    AlgorithmMismatch,
    /// No such key. Only this miss is worth a refresh.
    NotFound,
    /// The key exists and cannot be used.
    Unusable(Unusable),
}

impl KeySet {
    /// Reads a JWK Set document, preparing every key for those of the issuer's algorithms that fit it.
    pub fn parse(document: &[u8], allowed: &Algorithms) -> Result<Self, InvalidKeySet> {
        if document.len() > MAX_KEY_SET_BYTES {
            return Err(InvalidKeySet::TooLarge);
        }
        let value = parse_json(document, JsonLimits { depth: 8, members: 64 })?;
        let members = value.as_object().ok_or(InvalidKeySet::Shape)?;
        let Some(ClaimValue::List(list)) = members.get("keys") else { return Err(InvalidKeySet::Shape) };
        if list.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooManyKeys);
        }
        let jwks = list.iter().map(|jwk| jwk.as_object().ok_or(InvalidKeySet::Shape));
        let keys = jwks.map(|jwk| jwk.map(|jwk| entry(jwk, allowed))).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The one key for a token with this `kid` (or none) and this algorithm (RFC 7515 §4.1.4, RFC 7517 §4.5).
    pub(super) fn select(&self, key_id: Option<&str>, algorithm: Algorithm) -> Result<&VerificationKey, KeyMiss> {
        let named = || self.keys.iter().filter(|(kid, _)| key_id.is_none() || kid.as_deref() == key_id);
        let mut fitting = named().filter_map(|(_, key)| key.as_ref().ok()).filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(KeyMiss::Ambiguous),
            (None, _) if key_id.is_none() || named().next().is_none() => Err(KeyMiss::NotFound),
            (None, _) => {
                Err(named().find_map(|(_, key)| key.as_ref().err()).map_or(KeyMiss::AlgorithmMismatch, |why| KeyMiss::Unusable(*why)))
            }
        }
    }

    /// Whether the set holds the key that a token with this `kid` and algorithm names, usable or not.
    #[must_use]
    pub fn knows(&self, key_id: Option<&str>, algorithm: Algorithm) -> bool {
        !matches!(self.select(key_id, algorithm), Err(KeyMiss::NotFound))
    }

    /// How many keys can verify a token under one of the issuer's algorithms.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.keys.iter().filter(|(_, key)| key.as_ref().is_ok_and(VerificationKey::fits_any)).count()
    }

    /// The keys that cannot be used, with the reason, for the log.
    pub fn unusable(&self) -> impl Iterator<Item = (Option<&str>, Unusable)> {
        self.keys.iter().filter_map(|(kid, key)| key.as_ref().err().map(|why| (kid.as_deref(), *why)))
    }
}

fn entry(jwk: &Claims, allowed: &Algorithms) -> Entry {
    (jwk.text("kid").map(Into::into), VerificationKey::from_jwk(jwk, allowed, "sig"))
}
