//! Marks: how an issued token tells of what it came from without saying it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ClaimPath, Digest256};

/// One entry of the claim `rvk` of an issued token: 11 characters, base64url of the first 8 bytes of
/// SHA-256(`jti` ‖ 0x00 ‖ kind ‖ 0x00 ‖ value), where `jti` is that of the token that was issued first: its own, or `root_jti` when it was
/// narrowed.
///
/// Who knows the value (an administrator that revokes by it) finds the token; who has the token learns nothing that cannot be guessed, and
/// two tokens of one origin show different marks.
#[derive(Clone, Debug, Eq, Hash, PartialEq, serde::Serialize)]
pub struct Mark(Box<str>);

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

    /// The mark in the token of this `jti`. No kind holds a zero byte, so no two pairs run into each other.
    #[must_use]
    pub fn of(token_id: &str, kind: &str, value: &str) -> Self {
        let digest = Digest256::of_parts(&[token_id.as_bytes(), &[0], kind.as_bytes(), &[0], value.as_bytes()]);
        Self(URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..8]).into())
    }

    /// The 11 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_what_anybody_can_compute() {
        // printf 'abc\0jti\0one' | sha256sum | xxd -r -p | head -c 8 | basenc --base64url
        assert_eq!(Mark::of("abc", "jti", "one").as_str(), EXPECTED);
        assert_eq!(Mark::claim(&ClaimPath::parse("/kubernetes.io/namespace").unwrap()), "claim /kubernetes.io/namespace");
        assert_ne!(Mark::of("abc", "jti", "one"), Mark::of("abd", "jti", "one"), "another token, another mark");
        assert_ne!(Mark::of("abc", "jti", "one"), Mark::of("abc", "kid", "one"), "another kind");
    }

    const EXPECTED: &str = "PFNitBc0tOY";
}
