//! Evidence that a subject token was used up for a minted token.

use crate::release::issuance::MintedToken;

/// A minted token whose subject token is spent, durably. Still sealed: only the decision record opens it.
///
/// Made by [`super::ReplayGuard::spend`] alone.
#[derive(Debug)]
pub struct SpentToken {
    minted: MintedToken,
}

impl SpentToken {
    pub(super) fn new(minted: MintedToken) -> Self {
        Self { minted }
    }

    /// Hands the sealed token to the decision record.
    pub(in crate::release) fn into_minted(self) -> MintedToken {
        self.minted
    }

    /// The sealed token, for what the decision record says about it.
    pub(in crate::release) fn minted(&self) -> &MintedToken {
        &self.minted
    }
}
