//! One public key of an issuer (RFC 7517, RFC 7518 §6, RFC 8037 §2), prepared for verifying.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{ClaimValue, Claims, Thumbprint};

use super::{Algorithm, Algorithms};

/// Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4).
pub(super) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key of an issuer's document cannot verify anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// A member is missing, of the wrong type, or not on the curve.
    #[error("a member is missing or malformed")]
    Malformed,
    /// `use` or `key_ops` say it is not for verifying signatures (RFC 7517 §4.2, §4.3).
    #[error("it is not for signatures")]
    NotForSigning,
    /// The issuer published the private part: whoever read the document can sign.
    #[error("the document publishes its private part; the issuer must replace it")]
    PrivatePublished,
    /// A key of a SPIFFE bundle without `kid` (SPIFFE JWT-SVID §6.1).
    #[error("it has no `kid`, which every JWT-SVID key of a SPIFFE bundle has")]
    Unnamed,
    /// A key type or curve we do not verify with, or no allowed algorithm fits it.
    #[error("its type or curve is not supported")]
    Unsupported,
    /// RSA below 2048 or above 8192 bits, or a bad public exponent (RFC 7518 §3.3).
    #[error("its RSA modulus or exponent is outside what is accepted: 2048 to 8192 bits, odd exponent of 3 to 2^32")]
    Weak,
}

/// A key that can verify signatures under one or more of the issuer's algorithms.
///
/// Keys are parsed once, when the document is read: parsing on each use costs as much as verifying.
#[derive(Debug)]
pub struct VerificationKey {
    prepared: Box<[(Algorithm, ParsedPublicKey)]>,
}

impl VerificationKey {
    /// Prepares a JWK for those of the issuer's algorithms that fit it. `key_use` is the `use` that signing keys of this kind of
    /// issuer carry when they carry one: `sig`.
    pub(super) fn from_jwk(jwk: &Claims, allowed: &Algorithms, key_use: &str) -> Result<Self, Unusable> {
        let (kty, fitting) = fitting(jwk, key_use)?;
        // Every key is checked, also one whose algorithm the issuer does not use here: a weak key is worth a word in the log.
        let material = Material::read(kty, jwk)?;
        let fitting = fitting.into_iter().map(|algorithm| Ok((algorithm, material.prepare(algorithm)?)));
        let prepared = fitting.collect::<Result<Vec<_>, Unusable>>()?;
        Ok(Self { prepared: prepared.into_iter().filter(|(algorithm, _)| allowed.allow(*algorithm)).collect() })
    }

    /// Prepares a JWK that came inside a signed message, for the algorithm of that message and no other.
    pub(super) fn for_message(jwk: &Claims, algorithm: Algorithm) -> Result<Self, Unusable> {
        let (kty, fitting) = fitting(jwk, "sig")?;
        if !fitting.contains(&algorithm) {
            return Err(Unusable::Unsupported);
        }
        let prepared = Material::read(kty, jwk)?.prepare(algorithm)?;
        Ok(Self { prepared: [(algorithm, prepared)].into() })
    }

    pub(super) fn fits_any(&self) -> bool {
        !self.prepared.is_empty()
    }

    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.prepared.iter().any(|(fitting, _)| *fitting == algorithm)
    }

    /// Whether the signature is this key's, under exactly this algorithm.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = self.prepared.iter().find(|(fitting, _)| *fitting == algorithm).map(|(_, key)| key);
        key.is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

/// The `kty` of a public key that may verify signatures, and the algorithms that its type, its curve and its own `alg` leave; at least one.
fn fitting<'a>(jwk: &'a Claims, key_use: &str) -> Result<(&'a str, Vec<Algorithm>), Unusable> {
    if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
        return Err(Unusable::PrivatePublished);
    }
    check_purpose(jwk, key_use)?;
    let kty = jwk.text("kty").ok_or(Unusable::Malformed)?;
    let crv = jwk.text("crv");
    let stated = match jwk.get("alg") {
        None | Some(ClaimValue::Null) => None,
        Some(ClaimValue::Text(name)) => Some(Algorithm::from_name(name).ok_or(Unusable::Unsupported)?),
        Some(_) => return Err(Unusable::Malformed),
    };
    let fitting = Algorithm::ALL.into_iter().filter(|algorithm| {
        let (type_, curve) = algorithm.key_type();
        type_ == kty && (curve.is_none() || curve == crv)
    });
    let fitting: Vec<_> = fitting.filter(|algorithm| stated.is_none_or(|stated| stated == *algorithm)).collect();
    if fitting.is_empty() { Err(Unusable::Unsupported) } else { Ok((kty, fitting)) }
}

fn check_purpose(jwk: &Claims, key_use: &str) -> Result<(), Unusable> {
    match jwk.get("use") {
        None | Some(ClaimValue::Null) => {}
        Some(ClaimValue::Text(value)) if **value == *key_use => {}
        Some(_) => return Err(Unusable::NotForSigning),
    }
    match jwk.get("key_ops") {
        None | Some(ClaimValue::Null) => Ok(()),
        Some(ClaimValue::List(operations)) if operations.iter().any(|op| op.as_text() == Some("verify")) => Ok(()),
        Some(_) => Err(Unusable::NotForSigning),
    }
}

enum Material {
    /// SEC 1 uncompressed point, or the 32 bytes of an Ed25519 key.
    Point(Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl Material {
    fn read(kty: &str, jwk: &Claims) -> Result<Self, Unusable> {
        let bytes = |name| {
            let text = jwk.text(name).ok_or(Unusable::Malformed)?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Malformed)
        };
        match kty {
            "EC" => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                // A byte that moved from one to the other would be the same point under another thumbprint.
                if x.len() != y.len() {
                    return Err(Unusable::Malformed);
                }
                Ok(Self::Point([&[4], &*x, &*y].concat()))
            }
            "OKP" => Ok(Self::Point(bytes("x")?)),
            "RSA" => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                check_rsa(&modulus, &exponent)?;
                Ok(Self::Rsa { modulus, exponent })
            }
            _ => Err(Unusable::Unsupported),
        }
    }

    fn prepare(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Unusable> {
        match (self, algorithm.curve(), algorithm.rsa()) {
            (Self::Point(point), Some(curve), _) => ParsedPublicKey::new(curve, point).map_err(|_| Unusable::Malformed),
            (Self::Rsa { modulus, exponent }, _, Some(parameters)) => {
                let components = PublicKeyComponents { n: modulus, e: exponent };
                components.to_parsed_public_key(parameters).map_err(|_| Unusable::Malformed)
            }
            _ => Err(Unusable::Unsupported),
        }
    }
}

/// Checks the members that make a key of this type, and gives their length in bytes: of an EC point in SEC 1 form, or of an RSA modulus.
pub(super) fn material_of(kty: &str, jwk: &Claims) -> Result<usize, Unusable> {
    match Material::read(kty, jwk)? {
        Material::Point(point) => Ok(point.len()),
        Material::Rsa { modulus, .. } => Ok(modulus.len()),
    }
}

/// 2048 to 8192 bits; an odd modulus; an odd exponent of 3 to 2³². Both without leading zero bytes (RFC 7518 §6.3.1).
fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), Unusable> {
    let (Some(&high), Some(&low)) = (modulus.first(), modulus.last()) else { return Err(Unusable::Malformed) };
    if high == 0 || exponent.first().is_none_or(|high| *high == 0) {
        return Err(Unusable::Malformed);
    }
    let bits = modulus.len() * 8 - usize::try_from(high.leading_zeros()).unwrap_or(0);
    let small = exponent.len() <= 4;
    let odd = low % 2 == 1 && exponent.last().is_some_and(|low| low % 2 == 1);
    let at_least_three = exponent != [1];
    if (2048..=8192).contains(&bits) && small && odd && at_least_three { Ok(()) } else { Err(Unusable::Weak) }
}

/// RFC 7638: SHA-256 of the required members, in lexicographic order and without white space. `None` for a key that is not public, or of no
/// type that can be bound to.
pub(super) fn thumbprint(jwk: &Claims) -> Option<Thumbprint> {
    if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
        return None;
    }
    let required: &[&str] = match jwk.text("kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let plain = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let member = |name: &&str| Some(format!("\"{name}\":\"{}\"", jwk.text(name).filter(plain)?));
    let members = required.iter().map(member).collect::<Option<Vec<_>>>()?;
    Some(Thumbprint::of(format!("{{{}}}", members.join(",")).as_bytes()))
}
