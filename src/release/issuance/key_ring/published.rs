//! The public keys we ever published. Kept for ever: old decision logs are verified with them.

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
}
