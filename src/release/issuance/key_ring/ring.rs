//! The key ring: an immutable snapshot of our signing keys.

use std::sync::{Arc, OnceLock};

use crate::domain::Timestamp;
use crate::token::{Algorithm, NonceKey, NonceRule, ProofNonces};

use super::error::SigningFailed;
use super::jwks::Jwks;
use super::key::SigningKey;
use super::published::PublishedKey;
use super::rotation::{self, Line, Lines};

/// Our signing keys at one version: for `ES256`, `RS256` and `EdDSA` each the current, the next and the retired ones.
///
/// All three algorithms are always there, so that the key of a target's algorithm was published long before it signs.
#[derive(Debug)]
pub struct KeyRing {
    version: u64,
    lines: Lines,
    jwks: Jwks,
    nonces: OnceLock<Result<ProofNonces, SigningFailed>>,
}

impl KeyRing {
    /// A ring of new keys, at version 1 and kept nowhere: [`super::Keys`] puts it into the store. Takes a fraction of a second.
    pub fn begin(now: Timestamp) -> Result<Self, SigningFailed> {
        Ok(Self::new(1, rotation::begin(now, &SigningKey::generate)?))
    }

    pub(super) fn new(version: u64, lines: Lines) -> Self {
        let jwks = Jwks::render(lines.iter().flat_map(Line::keys).map(|key| &**key));
        Self { version, lines, jwks, nonces: OnceLock::new() }
    }

    /// Signs claims with the current key of `algorithm`; gives the compact JWS (RFC 7515 §7.1) and the `kid`.
    ///
    /// `typ` is written as it stands: each kind of token has its own (RFC 8725 §3.11).
    pub fn sign(&self, algorithm: Algorithm, typ: &str, claims_json: &[u8]) -> Result<(String, Box<str>), SigningFailed> {
        let key = self.current(algorithm)?;
        Ok((key.sign(typ, claims_json)?, key.kid().into()))
    }

    /// The `kid` of the current key of `algorithm`.
    ///
    /// # Errors
    /// There is none.
    pub fn key_id(&self, algorithm: Algorithm) -> Result<&str, SigningFailed> {
        self.current(algorithm).map(SigningKey::kid)
    }

    fn current(&self, algorithm: Algorithm) -> Result<&SigningKey, SigningFailed> {
        let line = self.lines.iter().find(|line| line.algorithm == algorithm).ok_or(SigningFailed::NoKey(algorithm))?;
        Ok(&line.current.key)
    }

    /// The JWK Set document that we publish: every key, public parts only.
    #[must_use]
    pub fn jwks(&self) -> &Arc<[u8]> {
        &self.jwks.document
    }

    /// The strong entity tag of [`Self::jwks`], without its quotes.
    #[must_use]
    pub fn jwks_etag(&self) -> &str {
        &self.jwks.etag
    }

    /// The nonces that DPoP proofs must hold (RFC 9449 §8), under keys made from the `ES256` keys of the ring: the same on all nodes, and
    /// after a restart. The key before and the key after the current one are good as well, because two nodes may hold rings that are one
    /// rotation apart.
    pub fn proof_nonces(&self) -> Result<&ProofNonces, SigningFailed> {
        let [line, ..] = &self.lines;
        self.nonces.get_or_init(|| proof_nonces(line)).as_ref().map_err(|failed| *failed)
    }

    /// The same as what a proof must hold, where nonces are `required`.
    pub fn nonce_rule(&self, required: bool) -> Result<NonceRule<'_>, SigningFailed> {
        if required { self.proof_nonces().map(NonceRule::Required) } else { Ok(NonceRule::NotAsked) }
    }

    /// A nonce for the next proof, where proofs must hold one and one can be made.
    #[must_use]
    pub fn next_nonce(&self, required: bool, now: Timestamp) -> Option<String> {
        if required { self.proof_nonces().ok().map(|nonces| nonces.give(now)) } else { None }
    }

    /// Grows with each change, over all processes that share the store: by one, and by a thousand when compromised keys are dropped.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Every key with its state, for administrators.
    #[must_use]
    pub fn describe(&self) -> Vec<KeyDescription> {
        self.lines.iter().flat_map(describe).collect()
    }

    /// The public part of every key, for the history.
    pub(in crate::release) fn public_keys(&self, now: Timestamp) -> Vec<PublishedKey> {
        self.lines.iter().flat_map(Line::keys).map(|key| PublishedKey::new(key, now)).collect()
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }
}

/// One key of the ring, without the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyDescription {
    /// How it signs.
    pub algorithm: Algorithm,
    /// Its name: its thumbprint (RFC 7638).
    pub kid: Box<str>,
    /// What it does.
    pub state: KeyState,
}

/// What a key of the ring does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// It signs.
    Current {
        /// Since when.
        since: Timestamp,
    },
    /// It is published, and signs after the current one.
    Next {
        /// When a server first published it; `None` while none has.
        since: Option<Timestamp>,
        /// From when on it may sign: long enough after `since` for every cache to know it.
        signs_from: Option<Timestamp>,
    },
    /// It signed; tokens of it are still out there.
    Retired {
        /// Since when it does not sign any more.
        since: Timestamp,
        /// When it leaves the published set.
        published_until: Timestamp,
    },
}

fn proof_nonces(line: &Line) -> Result<ProofNonces, SigningFailed> {
    let key = |signing: &SigningKey| signing.derive(b"DPoP nonces").map(|bytes| NonceKey::new(&bytes));
    let neighbours = std::iter::once(&line.next.key).chain(line.retired.first().map(|retired| &retired.key));
    let neighbours = neighbours.map(|signing| key(signing)).collect::<Result<_, _>>()?;
    Ok(ProofNonces::new(key(&line.current.key)?, neighbours))
}

fn describe(line: &Line) -> Vec<KeyDescription> {
    let description = |kid: &str, state| KeyDescription { algorithm: line.algorithm, kid: kid.into(), state };
    let current = description(line.current.key.kid(), KeyState::Current { since: line.current.since });
    let state = KeyState::Next { since: line.next.published, signs_from: line.next.signs_from() };
    let next = description(line.next.key.kid(), state);
    let retired = line.retired.iter().map(|retired| {
        let state = KeyState::Retired { since: retired.at, published_until: retired.published_until() };
        description(retired.key.kid(), state)
    });
    [current, next].into_iter().chain(retired).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_published_document_holds_public_members_only() {
        let ring = KeyRing::begin(Timestamp::from_unix(0)).unwrap();
        let document: Value = serde_json::from_slice(ring.jwks()).unwrap();
        let mut seen = BTreeSet::new();
        for key in document["keys"].as_array().unwrap() {
            let key = key.as_object().unwrap();
            let names: Vec<_> = key.keys().map(String::as_str).collect();
            let expected: &[&str] = match key["kty"].as_str().unwrap() {
                "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
                _ => &["alg", "crv", "kid", "kty", "use", "x"],
            };
            assert_eq!((names.as_slice(), key["use"].as_str()), (expected, Some("sig")));
            assert!(seen.insert(key["kid"].to_string()), "each kid once");
        }
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn an_algorithm_that_we_do_not_sign_with_has_no_key() {
        let ring = KeyRing::begin(Timestamp::from_unix(0)).unwrap();
        assert_eq!(ring.sign(Algorithm::Ps256, "at+jwt", b"{}"), Err(SigningFailed::NoKey(Algorithm::Ps256)));
    }
}
