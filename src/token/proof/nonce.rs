//! Nonces that a server asks for in proofs (RFC 9449 §8), so that no proof can be made long before it is used.
//!
//! Nobody remembers them: a nonce is a MAC of the minute in which it is given out, under a key that all nodes share. It is the same for
//! everybody in that minute, and nobody outside can tell it in advance.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{Seconds, Timestamp};

use super::AHEAD;

/// Whether a proof must hold a nonce.
#[derive(Clone, Copy, Debug)]
pub enum NonceRule<'a> {
    /// Nobody asks for one; one that is there says nothing.
    NotAsked,
    /// It must be one of these.
    Required(&'a ProofNonces),
}

/// A key for nonces: 32 bytes that nobody but our nodes knows. Debug does not show it.
#[derive(Clone)]
pub struct NonceKey(hmac::Key);

impl NonceKey {
    /// Takes the key.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(..)")
    }
}

/// Gives nonces out, and knows them again.
#[derive(Clone, Debug)]
pub struct ProofNonces {
    current: NonceKey,
    others: Vec<NonceKey>,
}

impl ProofNonces {
    /// Gives out nonces of `current`; those of `others` are good as well: keys that another node may still use, or already.
    #[must_use]
    pub fn new(current: NonceKey, others: Vec<NonceKey>) -> Self {
        Self { current, others }
    }

    /// The nonce of this minute, for the header `DPoP-Nonce`: 43 characters of base64url. It is accepted for 60 to 120 seconds.
    #[must_use]
    pub fn give(&self, now: Timestamp) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.current.0, &message(now)))
    }

    /// Whether it was given out in this minute or the last one, by a node whose clock is at most 5 s ahead. Compared in constant time.
    #[must_use]
    pub fn accept(&self, nonce: &str, now: Timestamp) -> bool {
        let Ok(mac) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let mut keys = std::iter::once(&self.current).chain(&self.others);
        keys.any(|key| [now, now - BUCKET, now + AHEAD].iter().any(|at| hmac::verify(&key.0, &message(*at), &mac).is_ok()))
    }
}

fn message(at: Timestamp) -> [u8; 8] {
    (at.unix() / BUCKET.0).to_be_bytes()
}

/// For how long the same nonce is given out.
const BUCKET: Seconds = Seconds(60);
