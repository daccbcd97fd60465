//! The check that everything passes before it counts.

use crate::domain::Timestamp;
use crate::policy::Permit;
use crate::token::VerifiedToken;

use super::facts::Facts;
use super::rule::RuleId;
use super::service::Revocations;

/// Evidence that nothing a permit rests on was taken back, as far as this node knows, and that it knows lately enough. Only
/// [`Revocations::clear`] makes one, and nothing is minted without.
#[derive(Debug)]
pub struct Cleared(Box<Permit>);

impl Cleared {
    /// The permit.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.0
    }

    /// Gives the permit back; the evidence is gone.
    #[must_use]
    pub fn into_permit(self) -> Box<Permit> {
        self.0
    }
}

/// Why something does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotCleared {
    /// It was taken back.
    #[error("revoked by {rule}")]
    Revoked {
        /// By which rule; any of several.
        rule: RuleId,
    },
    /// This node has not heard of revocations for too long. Nothing counts until it has.
    #[error("revocations are not known")]
    Stale,
}

impl Revocations {
    /// Looks whether anything that a permit rests on was taken back.
    ///
    /// # Errors
    /// It was, or that cannot be known now.
    pub fn clear(&self, permit: Permit, now: Timestamp) -> Result<Cleared, NotCleared> {
        self.is_clear(&permit, now)?;
        // It is large, and everything that comes after it carries it along.
        Ok(Cleared(Box::new(permit)))
    }

    /// The same for a permit whose token is minted already, and was not released: what became known meanwhile counts too.
    ///
    /// # Errors
    /// As for [`Self::clear`].
    pub fn is_clear(&self, permit: &Permit, now: Timestamp) -> Result<(), NotCleared> {
        self.ensure_fresh()?;
        if self.selects_anything() {
            let (relationship, audience) = (permit.relationship().as_str(), permit.target().audience.as_str());
            for token in permit.tokens() {
                self.judge(&Facts::of(token).used(relationship, audience), now)?;
            }
        }
        Ok(())
    }

    /// Looks whether a registered client that this assertion authenticates was taken back: by its name, as though it were a relationship, by
    /// `kid` or `jti`, or with everything.
    ///
    /// # Errors
    /// It was, or that cannot be known now.
    pub fn admits_client(&self, assertion: &VerifiedToken, now: Timestamp) -> Result<(), NotCleared> {
        self.look(now, || Facts::client(assertion))
    }

    /// Looks whether what this key of ours signs now would count at all: its `kid` may have been taken back, and the ring not rotated.
    ///
    /// # Errors
    /// It would not, or that cannot be known now.
    pub fn admits_signing(&self, key_id: &str, now: Timestamp) -> Result<(), NotCleared> {
        self.look(now, || Facts::signed_now(key_id, now))
    }

    /// Looks whether a token of ours still stands.
    ///
    /// # Errors
    /// It was taken back, or that cannot be known now.
    pub fn stands(&self, own: &VerifiedToken, now: Timestamp) -> Result<(), NotCleared> {
        self.look(now, || Facts::of(own))
    }

    /// Every rule against one token, of which nothing is gathered while there are none.
    fn look<'a>(&self, now: Timestamp, facts: impl FnOnce() -> Facts<'a>) -> Result<(), NotCleared> {
        self.ensure_fresh()?;
        if self.selects_anything() { self.judge(&facts(), now) } else { Ok(()) }
    }

    /// Every rule against one token.
    pub(super) fn judge(&self, facts: &Facts<'_>, now: Timestamp) -> Result<(), NotCleared> {
        match self.refusing(facts, now) {
            Some(rule) => {
                self.count_refusal();
                Err(NotCleared::Revoked { rule })
            }
            None => Ok(()),
        }
    }
}
