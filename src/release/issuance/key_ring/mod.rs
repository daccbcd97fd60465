//! The signing keys: made, wrapped at rest, rotated, published.
//!
//! Owns: the key ring and its rules, its one record in the store, the files of the encryption keys, the history of public keys.
//! Must not know: what is signed, and for whom.

mod at_rest;
mod error;
mod jwks;
mod kept;
mod key;
mod published;
mod redis;
mod ring;
mod rotation;
mod service;
mod signer;
mod sqlite;

pub use at_rest::{AtRestError, EncryptionKeySource};
pub use error::{KeysError, SigningFailed};
pub use kept::begin_anew;
pub(in crate::release) use key::ACCESS_TOKEN;
pub use published::PublishedKey;
pub use ring::{KeyDescription, KeyRing, KeyState};
pub use service::{CannotIssue, Keys, KeysSettings};
pub use sqlite::SCHEMA;

use crate::domain::Seconds;
use crate::token::Algorithm;

/// What we can sign with: `ES256` is the default, `RS256` is what every conforming verifier knows (RFC 9068 §2.1).
pub const SIGNING_ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];
/// How long caches may keep the JWK Set document, in seconds: `max-age` of its `Cache-Control`.
pub const JWKS_MAX_AGE: Seconds = Seconds(300);
/// How long a key is published before it signs, in seconds: three times [`JWKS_MAX_AGE`], so that two failed refreshes of a
/// verifier are no outage.
pub const PUBLISH_AHEAD: Seconds = Seconds(3 * JWKS_MAX_AGE.0);
/// How long a retired key stays published, in seconds: the longest lifetime of a token (1 hour), a verifier's leeway (60 s), and one
/// [`JWKS_MAX_AGE`] for servers that notice a rotation late.
pub const RETIRED_FOR: Seconds = Seconds(3_600 + 60 + JWKS_MAX_AGE.0);
