//! The public keys of one issuer (RFC 7517 §5).

use crate::domain::{ClaimValue, Claims, JsonError, JsonLimits, Number, Seconds, Thumbprint, parse_json};

use super::jwk::{Unusable, VerificationKey, thumbprint};
use super::{Algorithm, Algorithms, MAX_KEY_SET_BYTES, MAX_KEYS};

/// Keys of one issuer, never merged with another's.
///
/// An unusable key stands beside the others with its reason; it never spoils them (RFC 7517 §5).
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Entry>,
    /// What each named key is made of.
    materials: Vec<(Box<str>, Thumbprint)>,
    refresh_hint: Option<Seconds>,
}

/// `use` of the keys that sign JWT-SVIDs.
const JWT_SVID: &str = "jwt-svid";

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
        let document = json(document)?;
        let jwks = jwks(&document)?;
        let keys = jwks.iter().map(|jwk| entry(jwk, allowed)).collect();
        Ok(Self { keys, materials: materials(&jwks), refresh_hint: None })
    }

    /// Reads the bundle of a SPIFFE trust domain: a JWK Set in which only the keys with `use` `jwt-svid` and a `kid` sign JWT-SVIDs (SPIFFE
    /// Trust Domain and Bundle §4, SPIFFE JWT-SVID §6).
    pub fn parse_bundle(document: &[u8], allowed: &Algorithms) -> Result<Self, InvalidKeySet> {
        let document = json(document)?;
        let mut jwks = jwks(&document)?;
        jwks.retain(|jwk| !is_for_other_svids(jwk));
        let keys = jwks.iter().map(|jwk| bundle_entry(jwk, allowed)).collect();
        let refresh_hint = match document.as_object().and_then(|members| members.get("spiffe_refresh_hint")) {
            Some(ClaimValue::Number(Number::Unsigned(seconds))) => Some(Seconds(*seconds)),
            _ => None,
        };
        Ok(Self { keys, materials: materials(&jwks), refresh_hint })
    }

    /// How often a SPIFFE bundle says that it wants to be read, in seconds (`spiffe_refresh_hint`).
    #[must_use]
    pub fn refresh_hint(&self) -> Option<Seconds> {
        self.refresh_hint
    }

    /// The one key for a token with this `kid` (or none) and this algorithm (RFC 7515 §4.1.4, RFC 7517 §4.5).
    ///
    /// With the name under which the issuer publishes it, which the token need not say: a key that is blocked by its name is blocked also
    /// for tokens that leave it out.
    pub(super) fn select(&self, key_id: Option<&str>, algorithm: Algorithm) -> Result<(&VerificationKey, Option<&str>), KeyMiss> {
        let named = || self.keys.iter().filter(|(kid, _)| key_id.is_none() || kid.as_deref() == key_id);
        let usable = named().filter_map(|(kid, key)| Some((key.as_ref().ok()?, kid.as_deref())));
        let mut fitting = usable.filter(|(key, _)| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(found), None) => Ok(found),
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

    /// The names under which another key stands here than stood in `earlier`. A rotation gives a new key a new name: an issuer that does
    /// otherwise made a mistake, or is not the one who published it.
    pub fn other_keys_than<'a>(&'a self, earlier: &'a Self) -> impl Iterator<Item = &'a str> {
        let changed = self.materials.iter().filter(|(name, key)| {
            let mut stood = earlier.materials.iter().filter(|(known, _)| known == name).peekable();
            stood.peek().is_some() && !stood.any(|(_, before)| before == key)
        });
        changed.map(|(name, _)| &**name)
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

fn materials(jwks: &[&Claims]) -> Vec<(Box<str>, Thumbprint)> {
    jwks.iter().filter_map(|jwk| Some((jwk.text("kid")?.into(), thumbprint(jwk)?))).collect()
}

fn json(document: &[u8]) -> Result<ClaimValue, InvalidKeySet> {
    if document.len() > MAX_KEY_SET_BYTES {
        return Err(InvalidKeySet::TooLarge);
    }
    Ok(parse_json(document, JsonLimits { depth: 8, members: 64 })?)
}

/// The members of `keys`.
fn jwks(document: &ClaimValue) -> Result<Vec<&Claims>, InvalidKeySet> {
    let members = document.as_object().ok_or(InvalidKeySet::Shape)?;
    let Some(ClaimValue::List(list)) = members.get("keys") else { return Err(InvalidKeySet::Shape) };
    if list.len() > MAX_KEYS {
        return Err(InvalidKeySet::TooManyKeys);
    }
    list.iter().map(|jwk| jwk.as_object().ok_or(InvalidKeySet::Shape)).collect()
}

fn entry(jwk: &Claims, allowed: &Algorithms) -> Entry {
    (jwk.text("kid").map(Into::into), VerificationKey::from_jwk(jwk, allowed, "sig"))
}

/// A bundle holds the keys of every kind of SVID. Those of the others that no token can name are nothing to us, and nothing is wrong with them.
fn is_for_other_svids(jwk: &Claims) -> bool {
    jwk.text("use").is_some_and(|key_use| key_use != JWT_SVID) && jwk.get("kid").is_none()
}

/// Unlike elsewhere, a key that does not say what it is for is for nothing.
fn bundle_entry(jwk: &Claims, allowed: &Algorithms) -> Entry {
    let key_id = jwk.text("kid").filter(|kid| !kid.is_empty()).map(Box::from);
    let key = match (jwk.text("use"), &key_id) {
        (Some(JWT_SVID), Some(_)) => VerificationKey::from_jwk(jwk, allowed, JWT_SVID),
        (Some(JWT_SVID), None) => Err(Unusable::Unnamed),
        _ => Err(Unusable::NotForSigning),
    };
    (key_id, key)
}
