//! Evidence that a token was signed.

use secrecy::SecretString;

use super::Spends;

/// A signed token that nobody may read yet. The replay guard makes a spent token of it; only the decision record opens that.
#[derive(Debug)]
pub struct MintedToken {
    pub(in crate::release) sealed: SecretString,
    pub(in crate::release) spends: Spends,
}

impl MintedToken {
    /// What releasing it spends.
    pub(in crate::release) fn spends(&self) -> &Spends {
        &self.spends
    }
}
