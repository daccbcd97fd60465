//! The JWK Set document that we publish (RFC 7517 §5).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::Digest256;

use super::key::SigningKey;

/// The document, rendered once for each version of the ring.
#[derive(Debug)]
pub(super) struct Jwks {
    pub(super) document: Arc<[u8]>,
    /// A strong entity tag without its quotes (RFC 9110 §8.8.3): equal documents, and only those, share one.
    pub(super) etag: Box<str>,
}

impl Jwks {
    pub(super) fn render<'a>(keys: impl Iterator<Item = &'a SigningKey>) -> Self {
        let keys: Vec<_> = keys.map(SigningKey::jwk).collect();
        let document = format!("{{\"keys\":[{}]}}", keys.join(","));
        let digest = Digest256::of(document.as_bytes());
        let etag = URL_SAFE_NO_PAD.encode(digest.as_bytes()).into();
        Self { document: document.into_bytes().into(), etag }
    }
}
