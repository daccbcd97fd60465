//! Wrapping: JWE in compact form, `dir` with `A256GCM` (RFC 7516 §7.1, RFC 7518 §4.5 and §5.3).
//!
//! What is ours is wiped; josekit frees its own copy of the key without wiping it, after each of the two calls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{self, Dir, JweHeader};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::AtRestError;
use super::encryption_keys::EncryptionKeys;

impl EncryptionKeys {
    /// Encrypts under the first key, and says in the header which that is.
    pub(in super::super) fn wrap(&self, plain: &[u8]) -> Result<Box<str>, AtRestError> {
        let key = self.first()?;
        // Causes are dropped here and below: errors of a library that has seen a key are not for logs.
        let mut encrypter = Dir.encrypter_from_bytes(key.reveal()).map_err(|_| AtRestError::Wrap)?;
        encrypter.set_key_id(key.kid());
        let mut header = JweHeader::new();
        header.set_content_encryption(CONTENT_ENCRYPTION);
        jwe::serialize_compact(plain, &header, &encrypter).map(Into::into).map_err(|_| AtRestError::Wrap)
    }
}

/// Decrypts what [`EncryptionKeys::wrap`] made, under whichever of the keys it was. Wiped on drop.
pub(in super::super) fn unwrap(wrapped: &str, keys: &EncryptionKeys) -> Result<Zeroizing<Vec<u8>>, AtRestError> {
    let header = Header::read(wrapped)?;
    if (&*header.alg, &*header.enc) != ("dir", CONTENT_ENCRYPTION) {
        return Err(AtRestError::Damaged("it is encrypted in another way than ours"));
    }
    let Some(key) = keys.named(&header.kid) else { return Err(AtRestError::UnknownKey { kid: header.kid }) };
    let mut decrypter = Dir.decrypter_from_bytes(key.reveal()).map_err(|_| AtRestError::Wrap)?;
    decrypter.set_key_id(key.kid());
    let opened = jwe::deserialize_compact(wrapped, &decrypter);
    opened.map(|(plain, _)| Zeroizing::new(plain)).map_err(|_| AtRestError::Damaged("its encryption does not verify"))
}

/// The thumbprint of the key it is wrapped under.
pub(in super::super) fn wrapped_under(wrapped: &str) -> Result<Box<str>, AtRestError> {
    Header::read(wrapped).map(|header| header.kid)
}

/// The protected header: readable before anything is decrypted, and authenticated with it. Compression (`zip`) is not ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Box<str>,
    enc: Box<str>,
    kid: Box<str>,
}

impl Header {
    fn read(wrapped: &str) -> Result<Self, AtRestError> {
        let encoded = wrapped.split('.').next().unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| AtRestError::Damaged("its header is no base64url"))?;
        serde_json::from_slice(&json).map_err(|_| AtRestError::Damaged("its header is not one of ours"))
    }
}

const CONTENT_ENCRYPTION: &str = "A256GCM";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::release::issuance::EncryptionKeySource;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn keys(&self, names: &[&str]) -> EncryptionKeys {
            let files: Vec<PathBuf> = names.iter().map(|name| self.0.path().join(name)).collect();
            for file in &files {
                EncryptionKeys::create_if_missing(file).unwrap();
            }
            EncryptionKeys::read(&files.into_iter().map(EncryptionKeySource::File).collect::<Vec<_>>()).unwrap()
        }
    }

    #[test]
    fn the_first_key_wraps_and_all_unwrap() {
        let files = Files::new();
        let old = files.keys(&["old"]).wrap(b"secret").unwrap();
        let both = files.keys(&["new", "old"]);
        assert_eq!(&**unwrap(&old, &both).unwrap(), b"secret");
        let new = both.wrap(b"secret").unwrap();
        assert_eq!(&*wrapped_under(&new).unwrap(), files.keys(&["new"]).first().unwrap().kid());
        assert_eq!(&**unwrap(&new, &files.keys(&["new"])).unwrap(), b"secret");
    }

    #[test]
    fn a_wrong_key_is_named_and_a_changed_document_is_damaged() {
        let files = Files::new();
        let keys = files.keys(&["right"]);
        let kid = keys.first().unwrap().kid();
        let wrapped = keys.wrap(b"secret").unwrap();
        let error = unwrap(&wrapped, &files.keys(&["wrong"])).unwrap_err();
        assert!(error.to_string().contains(kid), "{error}");

        let segments: Vec<_> = wrapped.split('.').collect();
        let header = |rest: &str| URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"dir","kid":"{kid}",{rest}}}"#));
        let with_header = |header: String| [&header, "", segments[2], segments[3], segments[4]].join(".");
        for (damaged, why) in [
            (wrapped.replace('.', ""), "one segment"),
            (String::new(), "nothing"),
            ([segments[0], "", segments[2], segments[3], "AAAAAAAAAAAAAAAAAAAAAA"].join("."), "another tag"),
            ([segments[0], "", segments[2], "AAAAAAAA", segments[4]].join("."), "another ciphertext"),
            (with_header(header(r#""enc":"A256GCM""#)), "another spelling of the header"),
            (with_header(header(r#""enc":"A256GCM","zip":"DEF""#)), "compressed"),
            (with_header(header(r#""enc":"A128CBC-HS256""#)), "another cipher"),
        ] {
            assert!(matches!(unwrap(&damaged, &keys), Err(AtRestError::Damaged(_))), "{why}");
        }
    }
}
