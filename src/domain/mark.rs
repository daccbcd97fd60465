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
        Self::of_parts(&[kind.as_bytes(), &[0], value.as_bytes()])
    }

    /// The fingerprint of a claim with this JSON text: kind [`Mark::claim`].
    #[must_use]
    pub fn of_claim(path: &ClaimPath, json: &[u8]) -> Self {
        Self::of_parts(&[CLAIM.as_bytes(), claim_name(path).as_bytes(), &[0], json])
    }

    fn of_parts(parts: &[&[u8]]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&Digest256::of_parts(parts).as_bytes()[..16]);
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
        format!("{CLAIM}{}", claim_name(path))
    }

    /// The mark in the token of this `jti`.
    #[must_use]
    pub fn of(token_id: &str, fingerprint: &Fingerprint) -> Self {
        let digest = Digest256::of_parts(&[token_id.as_bytes(), &[0], &fingerprint.0]);
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

/// What the kind of a claim begins with.
const CLAIM: &str = "claim ";

fn claim_name(path: &ClaimPath) -> &str {
    let name = path.as_str().strip_prefix('/').filter(|name| !name.is_empty() && !name.contains(['/', '~']));
    name.unwrap_or(path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_and_a_mark_are_what_anybody_can_compute() {
        // printf 'jti\0one' | sha256sum | xxd -r -p | head -c 16 | basenc --base64url
        assert_eq!(Fingerprint::of("jti", "one").to_string(), "5n_7JQ6C37iUrY6mVmrfCQ");
        // { printf 'abc\0'; printf 'jti\0one' | sha256sum | xxd -r -p | head -c 16; } | sha256sum | xxd -r -p | head -c 8 | basenc --base64url
        let of = |token_id: &str, kind: &str, value: &str| Mark::of(token_id, &Fingerprint::of(kind, value));
        assert_eq!(of("abc", "jti", "one").as_str(), "cMn7I5XBvSA");
        assert_ne!(of("abc", "jti", "one"), of("abd", "jti", "one"), "another token, another mark");
        assert_ne!(of("abc", "jti", "one"), of("abc", "kid", "one"), "another kind");
    }

    #[test]
    fn a_claim_has_one_kind_however_it_is_pointed_to() {
        for (path, kind) in [
            ("ref", "claim ref"),
            ("/ref", "claim ref"),
            ("/kubernetes.io/namespace", "claim /kubernetes.io/namespace"),
            ("/kubernetes.io~1uid", "claim /kubernetes.io~1uid"),
        ] {
            let path = ClaimPath::parse(path).unwrap();
            assert_eq!(Mark::claim(&path), kind);
            assert_eq!(Fingerprint::of_claim(&path, b"\"main\""), Fingerprint::of(kind, "\"main\""), "{kind}");
        }
    }
}
