//! What the bearer of an opaque token holds.

use std::fmt;

use aws_lc_rs::digest::{self, Digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::domain::Digest256;

use super::checksum::{base62, crc32};

/// `cmb_`, 44 characters of base64url (one byte that says where its record is kept, 32 that nobody can guess), and six of a checksum over
/// all before. Debug is redacted, and it is wiped on drop.
pub(in crate::release) struct Handle {
    bucket: u8,
    text: SecretString,
}

impl Handle {
    /// The handle of a secret. `bucket` says in which part of the store its record is.
    pub(in crate::release) fn new(bucket: u8, secret: &[u8; 32]) -> Self {
        let mut bytes = Zeroizing::new([0; PAYLOAD_BYTES]);
        bytes[0] = bucket;
        bytes[1..].copy_from_slice(secret);
        // Allocated once, at its exact length, so that no copy is left behind.
        let mut text = String::with_capacity(LENGTH);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(*bytes, &mut text);
        let checksum = base62(crc32(text.as_bytes()));
        text.extend(checksum.map(char::from));
        Self { bucket, text: text.into() }
    }

    /// Reads one. `None` for what we cannot have written: nobody needs to be asked about that.
    pub(in crate::release) fn parse(text: &str) -> Option<Self> {
        let (signed, checksum) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        let payload = signed.strip_prefix(PREFIX).filter(|_| text.len() == LENGTH)?;
        if base62(crc32(signed.as_bytes())) != checksum.as_bytes() {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        let bucket = *bytes.first()?;
        Some(Self { bucket, text: text.into() })
    }

    /// Which part of the store its record is in.
    pub(in crate::release) fn bucket(&self) -> u8 {
        self.bucket
    }

    /// The name of its record.
    pub(in crate::release) fn name(&self) -> Digest256 {
        let mut name = [0; 32];
        name.copy_from_slice(self.derived(b"cambist opaque name").as_ref());
        Digest256::from_bytes(name)
    }

    /// The key of its record.
    pub(super) fn key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(self.derived(b"cambist opaque key").as_ref());
        key
    }

    /// Neither tells the other: two digests of one secret of 256 bits, under purposes that differ in their 16th byte.
    fn derived(&self, purpose: &[u8]) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(purpose);
        context.update(self.text.expose_secret().as_bytes());
        context.finish()
    }

    /// The token itself.
    pub(in crate::release) fn into_text(self) -> SecretString {
        self.text
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// What every handle begins with, for people and for secret scanners.
const PREFIX: &str = "cmb_";
/// Bucket and secret.
const PAYLOAD_BYTES: usize = 33;
/// Characters of the checksum.
const CHECKSUM: usize = 6;
/// Characters of a handle.
const LENGTH: usize = PREFIX.len() + PAYLOAD_BYTES / 3 * 4 + CHECKSUM;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_checksum(text: &str) -> String {
        format!("{text}{}", base62(crc32(text.as_bytes())).map(char::from).iter().collect::<String>())
    }

    #[test]
    fn a_handle_is_read_as_it_was_written() {
        let handle = Handle::new(0xf7, &[7; 32]);
        let (name, key) = (handle.name(), handle.key());
        assert_eq!(format!("{handle:?}"), "Handle(..)");
        let text = handle.into_text();
        let text = text.expose_secret();
        assert_eq!(text, "cmb_9wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH2Njq1p");
        assert_eq!(text.len(), LENGTH);
        let read = Handle::parse(text).unwrap();
        assert_eq!((read.bucket(), read.name(), read.key()), (0xf7, name, key));
        assert_ne!(read.name().as_bytes(), &*read.key());
        assert_ne!(read.name(), Handle::new(0xf8, &[7; 32]).name(), "the bucket is part of it");
    }

    #[test]
    fn what_we_cannot_have_written_is_no_handle() {
        let handle = Handle::new(1, &[7; 32]).into_text();
        let good = handle.expose_secret();
        let payload = &good[4..48];
        assert!(Handle::parse(good).is_some());
        for (text, why) in [
            (String::new(), "nothing"),
            ("cmb_".into(), "the prefix alone"),
            (good[..53].into(), "cut"),
            (format!("{good}A"), "one more"),
            (format!(" {}", &good[..53]), "moved"),
            (good.replace("cmb_", "CMB_"), "another prefix, the old checksum"),
            (with_checksum(&format!("cmc_{payload}")), "another prefix, with its checksum"),
            (with_checksum(&format!("cmb_{}", &payload[..43])), "a character less, with its checksum"),
            (with_checksum(&format!("cmb_{}+", &payload[..43])), "the other alphabet, with its checksum"),
            (format!("cmb_{payload}000000"), "a wrong checksum"),
            (good.replacen('B', "C", 1), "one character changed"),
            ("é".repeat(27), "54 bytes, and no boundary where it is split"),
        ] {
            assert!(Handle::parse(&text).is_none(), "{why}");
        }
    }
}
