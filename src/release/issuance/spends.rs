//! What handing out an issued token uses up.

use crate::domain::{Audience, Digest256, Timestamp};
use crate::token::{ReplayMode, VerifiedToken};

/// What the release of one minted token spends: its subject token, for its target.
///
/// Taken from the verified token itself when the token is minted, so that a minted token cannot spend somebody else's.
#[derive(Clone, Debug)]
pub struct Spends {
    /// The target's audience: the second half of the identity where a token may be spent once per target.
    pub(in crate::release) audience: Audience,
    /// What makes two presentations the same subject token.
    pub(in crate::release) identity: Digest256,
    /// `iat`, rounded up; there whenever the mode spends.
    pub(in crate::release) issued_at: Option<Timestamp>,
    /// How often the subject token may be exchanged.
    pub(in crate::release) mode: ReplayMode,
    /// `exp + leeway`: from then on the subject token is expired for us.
    pub(in crate::release) refused_from: Timestamp,
}

impl Spends {
    /// What a token for this audience, permitted by `token`, will spend.
    #[must_use]
    pub fn of(token: &VerifiedToken, audience: &Audience) -> Self {
        Self {
            audience: audience.clone(),
            identity: token.replay_identity(),
            issued_at: token.issued_at(),
            mode: token.replay_mode(),
            refused_from: token.refused_from(),
        }
    }
}
