//! Secrets that cannot be printed.

use secrecy::{ExposeSecret as _, SecretString};

/// The subject token as it was presented (RFC 8693 §2.1). Debug is redacted, there is no Display, and it is wiped on drop.
#[derive(Debug)]
pub struct SubjectToken(SecretString);

impl SubjectToken {
    /// Takes the form value.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The compact serialisation, for the parser only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}
