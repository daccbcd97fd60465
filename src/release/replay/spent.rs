//! Evidence that a subject token was used up for a minted token; and what is used up for nothing but itself.

use std::sync::OnceLock;

use crate::domain::{Audience, Digest256, IssuerUrl, Timestamp};
use crate::policy::Permit;
use crate::release::issuance::{KeyRing, MintedToken, SigningFailed, Spends, Spent, Times};
use crate::token::{ReplayMode, VerifiedProof, VerifiedToken};

use super::guard::{Attempt, Passed};
use super::{ReplayGuard, SpendError};

/// How a spend ended well.
#[derive(Debug)]
pub enum SpendOutcome {
    /// The subject token is spent for the minted one.
    Spent(SpentToken),
    /// It was spent before, by the same request of the same client.
    Repeated(RepeatedToken),
}

/// A minted token whose subject token is spent, durably. Still sealed: only the decision record opens it.
///
/// Made by [`super::ReplayGuard::spend`], or from a [`RepeatedToken`], and by nothing else.
#[derive(Debug)]
pub struct SpentToken {
    minted: MintedToken,
    repeats: bool,
}

impl SpentToken {
    pub(super) fn new(minted: MintedToken) -> Self {
        Self { minted, repeats: false }
    }

    /// The permit that it was minted for: to be judged again before it is released.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        self.minted.permit()
    }

    /// Hands the sealed token to the decision record.
    pub(in crate::release) fn into_minted(self) -> MintedToken {
        self.minted
    }

    /// The sealed token, for what the decision record says about it.
    pub(in crate::release) fn minted(&self) -> &MintedToken {
        &self.minted
    }

    /// Whether an earlier request spent the subject token, and may have got this very token.
    pub(in crate::release) fn repeats(&self) -> bool {
        self.repeats
    }
}

/// A minted token whose subject token was spent by the same request before: not to be released as it is, because the first answer had
/// other times. Made by [`super::ReplayGuard::spend`] alone.
#[derive(Debug)]
pub struct RepeatedToken {
    minted: MintedToken,
    released: Times,
}

impl RepeatedToken {
    /// None when the token of those times may not be released now.
    ///
    /// The trust of today decides a repeat: what it lets end earlier than the first token ended cannot be the same token, and another
    /// one would be a second. What has expired meanwhile helps nobody. The caller is told what is true in both cases: the subject token
    /// was spent.
    pub(super) fn of(minted: MintedToken, released: Times) -> Option<Self> {
        let Times { issued_at, expires_at } = released;
        let honoured = expires_at <= minted.times().expires_at && expires_at > minted.minted_at() && expires_at > issued_at;
        honoured.then_some(Self { minted, released })
    }

    /// Signs the token that the first answer held, or would have held: the same `jti`, `iat` and `exp`, and what trust permits now.
    ///
    /// # Errors
    /// When no key signs. The subject token is no more spent than it was.
    pub fn mint_again(self, ring: &KeyRing, issuer: &IssuerUrl) -> Result<SpentToken, SigningFailed> {
        Ok(SpentToken { minted: self.minted.at(self.released, ring, issuer)?, repeats: true })
    }
}

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
