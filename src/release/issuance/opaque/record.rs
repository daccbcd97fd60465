//! What the store keeps of an opaque token.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::domain::{Digest256, SubjectToken, Timestamp};

use super::KEPT_BEYOND;
use super::handle::Handle;

/// The signed JWT behind a handle, sealed for whoever shows the handle: AES-256-GCM under a key that is derived from it, with a random
/// nonce in front.
///
/// Whoever reads or copies the store learns nothing from it, and finds no handle to it.
#[derive(Clone, Debug)]
pub(in crate::release) struct OpaqueRecord {
    /// Which part of the store it belongs to: that of the subject token's record, so that both are written in one step.
    pub(in crate::release) bucket: u8,
    /// Its name.
    pub(in crate::release) name: Digest256,
    /// The nonce, the ciphertext, its tag.
    pub(in crate::release) sealed: Box<[u8]>,
    /// When nobody accepts the token any more.
    pub(in crate::release) keep_until: Timestamp,
}

impl OpaqueRecord {
    /// Seals the token that the handle stands for. `None` when the crypto provider refuses.
    pub(in crate::release) fn seal(handle: &Handle, jwt: &SecretString, expires_at: Timestamp) -> Option<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*handle.key()).ok()?;
        // Encrypted where it stands: the token is nowhere left behind.
        let mut text = Zeroizing::new(jwt.expose_secret().as_bytes().to_vec());
        let (nonce, tag) = key.seal_in_place_separate_tag(Aad::empty(), &mut text).ok()?;
        let sealed = [nonce.as_ref().as_slice(), &text, tag.as_ref()].concat().into();
        Some(Self { bucket: handle.bucket(), name: handle.name(), sealed, keep_until: expires_at + KEPT_BEYOND })
    }

    /// The token behind the handle. `None` when this is not what was sealed for it.
    pub(in crate::release) fn open(handle: &Handle, sealed: &[u8]) -> Option<SubjectToken> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &*handle.key()).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut text).ok()?;
        std::str::from_utf8(opened).ok().map(|jwt| SubjectToken::new(jwt.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Seconds;

    #[test]
    fn only_its_handle_opens_a_record() {
        let handle = Handle::new(3, &[7; 32]);
        let now = Timestamp::from_unix(1_800_000_000);
        let seal = || OpaqueRecord::seal(&handle, &"header.payload.signature".into(), now).unwrap();
        let (record, again) = (seal(), seal());
        assert_eq!((record.bucket, record.name, record.keep_until), (3, handle.name(), now + Seconds(65)));
        assert_eq!(OpaqueRecord::open(&handle, &record.sealed).unwrap().reveal(), "header.payload.signature");
        assert_ne!(record.sealed, again.sealed, "sealed anew, the same token looks different");
        assert!(!record.sealed.windows(6).any(|window| window == b"header"));

        let other = Handle::new(3, &[8; 32]);
        assert!(OpaqueRecord::open(&other, &record.sealed).is_none(), "another handle");
        for at in [0, 12, record.sealed.len() - 1] {
            let mut changed = record.sealed.clone();
            changed[at] ^= 1;
            assert!(OpaqueRecord::open(&handle, &changed).is_none(), "byte {at} was changed");
        }
        for length in [0, 11, 12, record.sealed.len() - 1] {
            assert!(OpaqueRecord::open(&handle, &record.sealed[..length]).is_none(), "cut to {length} bytes");
        }
    }
}
