//! A proof as it was sent.

use secrecy::{ExposeSecret as _, SecretString};

/// The value of the one `DPoP` header of a request. Whoever reads it within a minute could try to use it: Debug is redacted, there is no
/// Display, and it is wiped on drop.
#[derive(Debug)]
pub struct ProofText(SecretString);

impl ProofText {
    /// Takes the value of the header.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The compact serialisation, for the parser only.
    pub(super) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}
