//! One private key, prepared for signing.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::domain::Digest256;
use crate::token::Algorithm;

/// A private key of one of the three kinds we sign with. Parsed once: parsing costs more than signing.
///
/// The key itself lives in memory of AWS-LC, which wipes it when it is freed.
pub(super) enum Signer {
    /// ECDSA on P-256; signatures in the fixed form of JWS (RFC 7518 §3.4).
    Es256(EcdsaKeyPair),
    /// RSA with a modulus of 2048 bits, PKCS #1 v1.5.
    Rs256(RsaKeyPair),
    /// Ed25519.
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    /// Makes a new key. Takes milliseconds for RSA, so never on a thread that serves requests.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, Unspecified> {
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
            _ => Err(Unspecified),
        }
    }

    /// Reads an unencrypted PKCS #8 document and checks the key in it.
    pub(super) fn from_pkcs8(algorithm: Algorithm, document: &[u8]) -> Result<Self, Unspecified> {
        let read = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).map(Self::Es256),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(document).map(Self::Rs256),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(document).map(Self::EdDsa),
            _ => return Err(Unspecified),
        };
        read.map_err(|_| Unspecified)
    }

    /// The private key as PKCS #8, for wrapping and nothing else. Wiped on drop.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let copy = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match self {
            Self::Es256(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            Self::Rs256(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|document| copy(document.as_ref())),
            Self::EdDsa(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
        }
    }

    /// Signs, and appends `.` and the signature in base64url to the message.
    pub(super) fn sign_onto(&self, message: &mut String) -> Result<(), Unspecified> {
        match self {
            Self::Es256(pair) => append(message, pair.sign(&SystemRandom::new(), message.as_bytes())?.as_ref()),
            Self::EdDsa(pair) => append(message, pair.try_sign(message.as_bytes())?.as_ref()),
            Self::Rs256(pair) => {
                let mut signature = [0; MAX_SIGNATURE_BYTES];
                let signature = signature.get_mut(..pair.public_modulus_len()).ok_or(Unspecified)?;
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), signature)?;
                append(message, signature);
            }
        }
        Ok(())
    }

    /// How many characters [`Self::sign_onto`] appends.
    pub(super) fn appended_len(&self) -> usize {
        let bytes = match self {
            Self::Es256(_) | Self::EdDsa(_) => 64,
            Self::Rs256(pair) => pair.public_modulus_len(),
        };
        1 + base64_len(bytes)
    }

    /// The public part.
    pub(super) fn public(&self) -> PublicMembers {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(pair) => {
                // SEC 1 §2.3.3: 0x04, then the two coordinates, 32 bytes each.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                PublicMembers::from([("kty", "EC".into()), ("crv", "P-256".into()), ("x", text(x)), ("y", text(y))])
            }
            Self::Rs256(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicMembers::from([("kty", "RSA".into()), ("n", text(&public.n)), ("e", text(&public.e))])
            }
            Self::EdDsa(pair) => {
                PublicMembers::from([("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", text(pair.public_key().as_ref()))])
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// The members of a JWK that RFC 7638 §3.2 requires for its type, sorted by name. All of them public, but for `oct`.
pub(super) type PublicMembers = BTreeMap<&'static str, String>;

/// RFC 7638: SHA-256 of the required members, in lexicographic order and without white space; base64url.
pub(super) fn thumbprint(required: &PublicMembers) -> Box<str> {
    let members: Vec<_> = required.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    let canonical = Zeroizing::new(format!("{{{}}}", members.join(",")));
    URL_SAFE_NO_PAD.encode(Digest256::of(canonical.as_bytes()).as_bytes()).into()
}

/// Characters of `bytes` bytes in base64url without padding.
pub(super) const fn base64_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn append(message: &mut String, signature: &[u8]) {
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, message);
}

/// An RSA signature is as long as its modulus; ours have 2048 bits, and 8192 is the most that the provider takes.
const MAX_SIGNATURE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1\
                 n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicMembers::from([("kty", "RSA".into()), ("n", n.into()), ("e", "AQAB".into())]);
        assert_eq!(&*thumbprint(&key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_key_survives_pkcs8_and_prints_nothing() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa] {
            let signer = Signer::generate(algorithm).unwrap();
            let again = Signer::from_pkcs8(algorithm, &signer.to_pkcs8().unwrap()).unwrap();
            assert_eq!(signer.public(), again.public(), "{algorithm}");
            assert_eq!(format!("{signer:?}"), "Signer(..)");
            let mut message = String::from("signed");
            again.sign_onto(&mut message).unwrap();
            assert_eq!(message.len(), "signed".len() + again.appended_len(), "{algorithm}");
        }
    }

    #[test]
    fn only_the_three_algorithms_have_a_signer() {
        for algorithm in Algorithm::ALL {
            let ours = matches!(algorithm, Algorithm::Es256 | Algorithm::Rs256 | Algorithm::EdDsa);
            assert_eq!(Signer::generate(algorithm).is_ok(), ours, "{algorithm}");
        }
    }

    #[test]
    fn a_document_of_another_kind_is_refused() {
        let ed25519 = Signer::generate(Algorithm::EdDsa).unwrap().to_pkcs8().unwrap();
        assert!(Signer::from_pkcs8(Algorithm::Es256, &ed25519).is_err());
        assert!(Signer::from_pkcs8(Algorithm::Rs256, &ed25519).is_err());
    }
}
