//! The signature algorithms we know: asymmetric ones only, by their exact names.

use std::fmt;

use aws_lc_rs::signature::{self as sig, RsaParameters, VerificationAlgorithm};

/// A JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). There is no symmetric one and no `none`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// ECDSA, P-256, SHA-256.
    Es256,
    /// ECDSA, P-384, SHA-384.
    Es384,
    /// Ed25519. Written `EdDSA` (RFC 8037) or `Ed25519` (RFC 9864): one algorithm here.
    EdDsa,
    /// RSASSA-PSS, SHA-256.
    Ps256,
    /// RSASSA-PSS, SHA-384.
    Ps384,
    /// RSASSA-PSS, SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5, SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5, SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5, SHA-512.
    Rs512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] =
        [Self::Es256, Self::Es384, Self::EdDsa, Self::Ps256, Self::Ps384, Self::Ps512, Self::Rs256, Self::Rs384, Self::Rs512];

    /// Reads an `alg` value. Case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The `alg` value we write.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The `kty` and, where there is one, the `crv` of a key that fits (RFC 7518 §3.1, RFC 8037 §2).
    #[must_use]
    pub const fn key_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => ("RSA", None),
        }
    }

    /// How a raw elliptic-curve point or Ed25519 key is checked; `None` for RSA.
    pub(in crate::token) fn curve(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::Es256 => Some(&sig::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Some(&sig::ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Some(&sig::ED25519),
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => None,
        }
    }

    /// How an RSA key is used; `None` for the others.
    pub(in crate::token) fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
            Self::Ps256 => Some(&sig::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&sig::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&sig::RSA_PSS_2048_8192_SHA512),
            Self::Rs256 => Some(&sig::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&sig::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&sig::RSA_PKCS1_2048_8192_SHA512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithms an issuer may use: sorted, never empty when it comes from trust.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Algorithms(Box<[Algorithm]>);

impl Algorithms {
    /// Whether the issuer may use it.
    #[must_use]
    pub fn allow(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// The algorithms, sorted.
    pub fn iter(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().copied()
    }
}

impl From<Vec<Algorithm>> for Algorithms {
    fn from(mut algorithms: Vec<Algorithm>) -> Self {
        algorithms.sort_unstable();
        algorithms.dedup();
        Self(algorithms.into())
    }
}
