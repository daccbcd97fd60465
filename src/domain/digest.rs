//! SHA-256 values, and the thumbprints of keys and certificates that tokens spell in base64url.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

/// Longest text that is put together before it is digested, in bytes.
const SHORT: usize = 256;

/// A SHA-256 digest, printed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Digest256([u8; 32]);

impl Digest256 {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(out)
    }

    /// The digest of the parts, one after the other, with nothing between them.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        // A context costs more than a short text: that is put together first.
        let (mut short, length) = ([0; SHORT], parts.iter().map(|part| part.len()).sum::<usize>());
        if length <= SHORT {
            let mut rest = &mut short[..];
            for part in parts {
                let (now, later) = rest.split_at_mut(part.len());
                now.copy_from_slice(part);
                rest = later;
            }
            let digest = Self::of(&short[..length]);
            // A context would wipe it too: it may be a secret.
            short[..length].zeroize();
            return digest;
        }
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// The digest of these fields, each behind its length, an absent one told apart from an empty one: no two lists of equal length
    /// have the same digest.
    #[must_use]
    pub fn of_fields(fields: &[Option<&[u8]>]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for field in fields {
            // No field is that long.
            let length = field.map_or(u64::MAX, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            context.update(&length.to_be_bytes());
            context.update(field.unwrap_or_default());
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// Takes a digest that was computed before.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut out = [0; 32];
        for (byte, digits) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(out))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl serde::Serialize for Digest256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The SHA-256 thumbprint of a public key (RFC 7638, the `jkt` of RFC 9449 §6.1) or of a certificate (the `x5t#S256` of RFC 8705 §3.1).
///
/// Written as 43 characters of base64url without padding.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Thumbprint(Digest256);

impl Thumbprint {
    /// The thumbprint of these bytes: the canonical JSON of a JWK (RFC 7638 §3), or the DER of a certificate.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest256::of(bytes))
    }

    /// Reads the one spelling there is of each thumbprint.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(|bytes| Self(Digest256::from_bytes(bytes)))
    }

    /// The digest itself.
    #[must_use]
    pub fn digest(&self) -> &Digest256 {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl serde::Serialize for Thumbprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_their_lengths() {
        let of = |fields: &[Option<&str>]| Digest256::of_fields(&fields.iter().map(|field| field.map(str::as_bytes)).collect::<Vec<_>>());
        for (left, right, same, why) in [
            (&[Some("ab"), Some("c")][..], &[Some("ab"), Some("c")][..], true, "the same"),
            (&[Some("ab"), Some("c")], &[Some("a"), Some("bc")], false, "a byte moved to the next field"),
            (&[Some("a"), None], &[Some("a"), Some("")], false, "absent is not empty"),
            (&[None, Some("a")], &[Some("a"), None], false, "another field is absent"),
            (&[Some("a"), Some("b")], &[Some("b"), Some("a")], false, "another order"),
        ] {
            assert_eq!(of(left) == of(right), same, "{why}");
        }
    }

    #[test]
    fn each_thumbprint_has_one_spelling() {
        let known = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(Thumbprint::parse(known).unwrap().to_string(), known);
        for (text, why) in [
            ("", "empty"),
            ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs=", "padding"),
            ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt", "spare bits"),
            ("NzbLsXh8uDCcd+6MNwXF4W/7noWXFZAfHkxZsRGC9Xs", "the other alphabet"),
            ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9X", "too short"),
        ] {
            assert_eq!(Thumbprint::parse(text), None, "{why}");
        }
    }
}
