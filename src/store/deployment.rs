//! The deployment id: tells one store's history from another's.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::domain::random_bytes;

/// Names one history of one store: 128 random bits, written once. A store that shows another id is another store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeploymentId(Arc<str>);

impl DeploymentId {
    pub(super) fn random() -> Self {
        let mut text = String::with_capacity(32);
        for byte in random_bytes::<16>() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// What a store holds, whatever it is.
    pub(super) fn found(text: &str) -> Self {
        Self(text.into())
    }

    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
