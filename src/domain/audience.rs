//! The value of an `aud` claim.

use std::fmt;
use std::sync::Arc;

use super::IssuerUrl;

/// An `aud` value (RFC 7519 §4.1.3): of a subject token, or of the token we issue.
///
/// Invariant: 1 to [`Self::MAX_BYTES`] bytes, no control characters. Compared byte for byte, never normalised.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Longest audience, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Parses an audience.
    pub fn parse(text: &str) -> Result<Self, InvalidAudience> {
        if text.is_empty() {
            return Err(InvalidAudience("it is empty"));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidAudience("it is longer than 1024 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidAudience("it holds a control character"));
        }
        Ok(Self(text.into()))
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&IssuerUrl> for Audience {
    /// An issuer URL has everything that an audience must have.
    fn from(issuer: &IssuerUrl) -> Self {
        Self(issuer.as_str().into())
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no audience.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an audience: {0}")]
pub struct InvalidAudience(&'static str);
