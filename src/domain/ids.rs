//! Identifiers that we make.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ulid::Ulid;

use super::Digest256;

/// Fresh random bytes from the one crypto provider.
///
/// # Panics
/// When the operating system gives no randomness: nothing safe can be done then, and the caller's task ends.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = rand::fill(&mut bytes);
    assert!(filled.is_ok(), "the operating system gave no randomness");
    bytes
}

/// The `jti` of a token we issue (RFC 9068 §2.2): 128 bits, base64url; random, or nobody's to guess without the secret they come from.
#[derive(Clone, Debug, Eq, Hash, PartialEq, serde::Serialize)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<16>()).into())
    }

    /// The first 128 bits of the digest of a secret: the same secret gives the same id again.
    #[must_use]
    pub fn derived(secret: &Digest256) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&secret.as_bytes()[..16]).into())
    }

    /// One that we gave a token before, read from that token.
    #[must_use]
    pub fn known(text: &str) -> Self {
        Self(text.into())
    }

    /// The text of the claim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names one request to the token endpoint, in answers and in the decision log. A ULID: sortable by time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DecisionId(Ulid);

impl DecisionId {
    /// A new one for a request that arrived at `unix_millis`.
    #[must_use]
    pub fn random_at(unix_millis: u64) -> Self {
        let mut random = [0; 16];
        random[6..].copy_from_slice(&random_bytes::<10>());
        Self(Ulid::from_parts(unix_millis, u128::from_be_bytes(random)))
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.write_str(self.0.array_to_str(&mut buffer))
    }
}

impl serde::Serialize for DecisionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
