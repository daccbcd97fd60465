//! SHA-256 thumbprints of keys and certificates, as tokens spell them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Digest256;

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
