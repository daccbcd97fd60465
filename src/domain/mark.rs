//! Marks and fingerprints: how tokens and published revocations meet without saying what they are about.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ClaimPath, Digest256};

/// What a token can be taken back by, as those see it who need not know what it is: the first 16 bytes of SHA-256(kind ‖ 0x00 ‖ value).
/// Printed as 22 characters of base64url.
///
/// Who knows the value finds it again; who does not can only guess. No kind holds a zero byte, so no two pairs run into each other.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Kind: the name of a relationship, `client_id` of an issued token.
    pub const RELATIONSHIP: &'static str = "relationship";
    /// Kind: the audience of a target, `aud` of an issued token.
    pub const TARGET: &'static str = "target";

    /// The fingerprint of this value. Kinds are those of [`Mark`] and the two above.
    #[must_use]
    pub fn of(kind: &str, value: &str) -> Self {
        let digest = Digest256::of_parts(&[kind.as_bytes(), &[0], value.as_bytes()]);
        let mut first = [0; 16];
        first.copy_from_slice(&digest.as_bytes()[..16]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One entry of the claim `rvk` of an issued token: 11 characters, base64url of the first 8 bytes of
/// SHA-256(`jti` ‖ 0x00 ‖ [`Fingerprint`] of kind and value), where `jti` is that of the token that was issued first: its own, or `root_jti`
/// when it was narrowed.
///
/// Who knows the value (an administrator that revokes by it), or its fingerprint (a verifier that reads what is revoked), finds the token;
/// who has the token learns nothing that cannot be guessed, and two tokens of one origin show different marks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Mark([u8; 11]);

impl Mark {
    /// Kind: `jti` of the token that was presented.
    pub const TOKEN_ID: &'static str = "jti";
    /// Kind: `kid` of the key that signed it.
    pub const KEY_ID: &'static str = "kid";
    /// Kind: the name of the issuer of a witness.
    pub const ISSUER: &'static str = "issuer";
    /// Kind: `<issuer name>:<subject>` of a witness.
    pub const SUBJECT: &'static str = "subject";

    /// Kind: a claim. Its value is the claim's JSON text, without spaces. A pointer to a claim of the first level is its name.
    #[must_use]
    pub fn claim(path: &ClaimPath) -> String {
        let name = path.as_str().strip_prefix('/').filter(|name| !name.is_empty() && !name.contains(['/', '~']));
        format!("claim {}", name.unwrap_or(path.as_str()))
    }

    /// The mark in the token of this `jti`.
    #[must_use]
    pub fn of(token_id: &str, kind: &str, value: &str) -> Self {
        let digest = Digest256::of_parts(&[token_id.as_bytes(), &[0], &Fingerprint::of(kind, value).0]);
        let mut text = [0; 11];
        // Eight bytes are eleven characters.
        let written = URL_SAFE_NO_PAD.encode_slice(&digest.as_bytes()[..8], &mut text);
        debug_assert_eq!(written, Ok(11));
        Self(text)
    }

    /// The 11 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Mark {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_and_a_mark_are_what_anybody_can_compute() {
        // printf 'jti\0one' | sha256sum | xxd -r -p | head -c 16 | basenc --base64url
        assert_eq!(Fingerprint::of("jti", "one").to_string(), "5n_7JQ6C37iUrY6mVmrfCQ");
        // { printf 'abc\0'; printf 'jti\0one' | sha256sum | xxd -r -p | head -c 16; } | sha256sum | xxd -r -p | head -c 8 | basenc --base64url
        assert_eq!(Mark::of("abc", "jti", "one").as_str(), "cMn7I5XBvSA");
        assert_eq!(Mark::claim(&ClaimPath::parse("/kubernetes.io/namespace").unwrap()), "claim /kubernetes.io/namespace");
        assert_ne!(Mark::of("abc", "jti", "one"), Mark::of("abd", "jti", "one"), "another token, another mark");
        assert_ne!(Mark::of("abc", "jti", "one"), Mark::of("abc", "kid", "one"), "another kind");
    }
}
