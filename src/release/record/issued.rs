//! The only place that opens a spent token.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Scopes, Seconds, TokenId};
use crate::release::replay::SpentToken;

use super::draft::DecisionDraft;
use super::line::IssuedFacts;
use super::log::{DecisionLog, LogUnavailable, Room};

/// A token that was recorded, for the answer to the caller and for nobody else. Debug is redacted, there is no Display, and it is wiped on
/// drop. Only [`DecisionLog::release`] makes one.
pub struct IssuedToken {
    expires_in: Seconds,
    id: TokenId,
    scopes: Scopes,
    sealed: SecretString,
}

impl DecisionLog {
    /// Records that the token is issued, waits until its line is recorded, and only then opens it.
    ///
    /// On failure the token is wiped: the subject token is spent, and nothing was released.
    pub async fn release(&self, spent: SpentToken, room: Room, mut draft: DecisionDraft) -> Result<IssuedToken, LogUnavailable> {
        let minted = spent.minted();
        draft.minted(minted);
        let (id, scopes) = (minted.id().clone(), minted.scopes().clone());
        let expires_in = minted.expires_in();
        let facts = IssuedFacts { jti: id.as_str(), kid: minted.key_id(), expires_in: expires_in.0, repeats: spent.repeats() };
        self.issued(room, &draft, facts).await?;
        Ok(IssuedToken { expires_in, id, scopes, sealed: spent.into_minted().unseal() })
    }
}

impl IssuedToken {
    /// The compact serialisation: the `access_token` of the answer (RFC 8693 §2.2.1).
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.sealed.expose_secret()
    }

    /// What is left of its lifetime: `expires_in` of the answer.
    #[must_use]
    pub fn expires_in(&self) -> Seconds {
        self.expires_in
    }

    /// Its scopes: `scope` of the answer.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Its `jti`.
    #[must_use]
    pub fn id(&self) -> &TokenId {
        &self.id
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("id", &self.id).finish_non_exhaustive()
    }
}
