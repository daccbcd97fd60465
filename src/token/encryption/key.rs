//! The public key of a target, prepared for encrypting.

use std::fmt;

use josekit::jwe::{self, ECDH_ES, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;

use crate::domain::{ClaimValue, Claims, Thumbprint};
use crate::token::jwk::{PRIVATE, Unusable, material_of, thumbprint};

/// A public key that a target registers, so that only it can read its tokens: RSA of 2048 to 8192 bits (`RSA-OAEP-256`), or a point on
/// P-256, P-384 or P-521 (`ECDH-ES`). The content is encrypted with `A256GCM` (RFC 7518 §4.3, §4.6, §5.3).
///
/// Parsed once, when trust is loaded. Two are equal when they encrypt to the same key under the same name.
#[derive(Clone)]
pub struct EncryptionKey {
    encrypter: Box<dyn JweEncrypter>,
    thumbprint: Thumbprint,
    /// `cty`, `enc`, `kid`: the same for every token.
    header: JweHeader,
}

impl EncryptionKey {
    /// Reads a public JWK (RFC 7517 §4). `alg`, `use`, `key_ops` and `kid` may be absent.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn from_jwk(jwk: &Claims) -> Result<Self, UnusableEncryptionKey> {
        if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
            return Err(UnusableEncryptionKey::Private);
        }
        check_purpose(jwk)?;
        let kty = jwk.text("kty").ok_or(UnusableEncryptionKey::Malformed)?;
        check_strength(kty, jwk)?;
        let thumbprint = thumbprint(jwk).ok_or(UnusableEncryptionKey::Malformed)?;
        let encrypter = prepare(kty, jwk)?;
        let mut header = JweHeader::new();
        header.set_content_type("JWT");
        header.set_content_encryption("A256GCM");
        if let Some(kid) = kid(jwk)? {
            header.set_key_id(kid);
        }
        Ok(Self { encrypter, thumbprint, header })
    }

    /// Encrypts a signed JWT: a nested JWT (RFC 7519 §5.2, appendix A.2), in compact form.
    ///
    /// # Errors
    /// When the crypto provider refuses. What it says is not passed on: it has seen the token.
    pub fn encrypt(&self, jwt: &str) -> Result<String, EncryptionFailed> {
        jwe::serialize_compact(jwt.as_bytes(), &self.header, &*self.encrypter).map_err(|_| EncryptionFailed)
    }

    /// How the key of the content reaches the target: `alg` of the header.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.encrypter.algorithm().name()
    }

    /// The `kid` under which the target knows it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.key_id()
    }

    /// Which key it is (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }
}

impl PartialEq for EncryptionKey {
    fn eq(&self, other: &Self) -> bool {
        self.thumbprint == other.thumbprint && self.key_id() == other.key_id()
    }
}

impl Eq for EncryptionKey {}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey")
            .field("alg", &self.algorithm())
            .field("thumbprint", &self.thumbprint.to_string())
            .finish_non_exhaustive()
    }
}

/// Why a JWK is no key to encrypt to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnusableEncryptionKey {
    /// A member is missing, of the wrong type, or the point is not on its curve.
    #[error("a member is missing or malformed: an RSA key needs `n` and `e`, an EC key `crv`, `x` and `y`, in base64url without padding")]
    Malformed,
    /// `use`, `key_ops` or `alg` say it is for something else.
    #[error(
        "`use`, `key_ops` or `alg` say it is not for encrypting: leave them out, or write use = \"enc\" and alg = \"RSA-OAEP-256\" or \"ECDH-ES\""
    )]
    NotForEncrypting,
    /// It holds private members: then it is not the target's alone any more.
    #[error("it holds private members: register the public part only, of a new key, because this one has been shown")]
    Private,
    /// Another key type or curve.
    #[error("its type or curve is not supported: RSA, or EC on P-256, P-384 or P-521")]
    Unsupported,
    /// RSA below 2048 or above 8192 bits, or a bad exponent.
    #[error("its RSA modulus or exponent is outside what is accepted: 2048 to 8192 bits, odd exponent of 3 to 2^32")]
    Weak,
}

/// The crypto provider could not encrypt.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the crypto provider could not encrypt")]
pub struct EncryptionFailed;

fn check_purpose(jwk: &Claims) -> Result<(), UnusableEncryptionKey> {
    let use_fits = matches!(jwk.get("use"), None | Some(ClaimValue::Null)) || jwk.text("use") == Some("enc");
    let operation = |operation: &ClaimValue| matches!(operation.as_text(), Some("encrypt" | "wrapKey" | "deriveKey" | "deriveBits"));
    let operations_fit = match jwk.get("key_ops") {
        None | Some(ClaimValue::Null) => true,
        Some(ClaimValue::List(operations)) => operations.iter().any(operation),
        Some(_) => false,
    };
    let algorithm = jwk.text("kty").map(|kty| if kty == "RSA" { RSA_OAEP_256.to_string() } else { ECDH_ES.to_string() });
    let algorithm_fits = matches!(jwk.get("alg"), None | Some(ClaimValue::Null)) || jwk.text("alg") == algorithm.as_deref();
    if use_fits && operations_fit && algorithm_fits { Ok(()) } else { Err(UnusableEncryptionKey::NotForEncrypting) }
}

/// The length of coordinates and the size of an RSA key; whether a point is on its curve is for the provider to say.
fn check_strength(kty: &str, jwk: &Claims) -> Result<(), UnusableEncryptionKey> {
    let bytes = match (kty, jwk.text("crv")) {
        ("RSA", _) => None,
        ("EC", Some("P-256")) => Some(32),
        ("EC", Some("P-384")) => Some(48),
        ("EC", Some("P-521")) => Some(66),
        _ => return Err(UnusableEncryptionKey::Unsupported),
    };
    let length = material_of(kty, jwk).map_err(|unusable| match unusable {
        Unusable::Weak => UnusableEncryptionKey::Weak,
        Unusable::Unsupported => UnusableEncryptionKey::Unsupported,
        _ => UnusableEncryptionKey::Malformed,
    })?;
    // 0x04, then both coordinates, each with its leading zeros (RFC 7518 §6.2.1.2).
    if bytes.is_none_or(|bytes| length == 1 + 2 * bytes) { Ok(()) } else { Err(UnusableEncryptionKey::Malformed) }
}

fn kid(jwk: &Claims) -> Result<Option<&str>, UnusableEncryptionKey> {
    match jwk.get("kid") {
        None | Some(ClaimValue::Null) => Ok(None),
        Some(ClaimValue::Text(kid)) if (1..=MAX_KEY_ID_BYTES).contains(&kid.len()) => Ok(Some(kid)),
        Some(_) => Err(UnusableEncryptionKey::Malformed),
    }
}

/// Hands over the members that make the key, and nothing else: all that josekit would read besides was looked at above.
fn prepare(kty: &str, jwk: &Claims) -> Result<Box<dyn JweEncrypter>, UnusableEncryptionKey> {
    let mut key = Jwk::new(kty);
    for name in ["crv", "x", "y", "n", "e"] {
        if let Some(text) = jwk.text(name) {
            key.set_parameter(name, Some(text.into())).map_err(|_| UnusableEncryptionKey::Malformed)?;
        }
    }
    let prepared: Result<Box<dyn JweEncrypter>, _> = match kty {
        "RSA" => RSA_OAEP_256.encrypter_from_jwk(&key).map(|encrypter| Box::new(encrypter) as _),
        _ => ECDH_ES.encrypter_from_jwk(&key).map(|encrypter| Box::new(encrypter) as _),
    };
    prepared.map_err(|_| UnusableEncryptionKey::Malformed)
}

/// Longest `kid`, in bytes: it stands in every token.
const MAX_KEY_ID_BYTES: usize = 256;
