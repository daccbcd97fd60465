//! What is used up for nothing but itself.

use std::sync::OnceLock;

use crate::domain::{Audience, Digest256, Timestamp};
use crate::release::issuance::{Spends, Spent, Times};
use crate::token::{ReplayMode, VerifiedProof, VerifiedToken};

use super::guard::{Attempt, Passed};
use super::{ReplayGuard, SpendError};

/// Something that authenticates its sender, and is good once: a client's assertion about itself, or a proof of possession.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    identity: Digest256,
    issued_at: Option<Timestamp>,
    refused_from: Timestamp,
}

impl From<&VerifiedToken> for Once {
    fn from(token: &VerifiedToken) -> Self {
        Self { identity: token.replay_identity(), issued_at: token.issued_at(), refused_from: token.refused_from() }
    }
}

impl From<&VerifiedProof> for Once {
    fn from(proof: &VerifiedProof) -> Self {
        Self { identity: proof.identity(), issued_at: Some(proof.issued_at()), refused_from: proof.refused_from() }
    }
}

impl ReplayGuard {
    /// Uses up something that nothing is released for. `audience` is whom it was made for.
    ///
    /// The promise is that of every spend: it passes at most once, and whatever is unclear does not pass.
    ///
    /// # Errors
    /// As for every spend. After [`SpendError::Unavailable`] it may be used up or not.
    pub async fn spend_alone(&self, once: impl Into<Once>, audience: &Audience) -> Result<(), SpendError> {
        let Once { identity, issued_at, refused_from } = once.into();
        let (audience, what) = (audience.clone(), Spent::Subject);
        let spends = Spends { audience, identity, issued_at, mode: ReplayMode::Once, owner: None, refused_from, what };
        // Remembered beside repeatable requests only, and this is none.
        let released = Times { issued_at: issued_at.unwrap_or_default(), expires_at: refused_from };
        let attempt = Attempt { nonce: OnceLock::new(), released, record: None };
        match self.use_up(&spends, &attempt).await? {
            Passed::First => Ok(()),
            Passed::Again(_) => Err(SpendError::Replayed { first_at: None }),
        }
    }
}
