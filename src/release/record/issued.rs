//! The only place that opens a spent token.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Scopes, Seconds, TokenId};
use crate::policy::TokenFormat;
use crate::release::issuance::{IssuedKind, MintedToken};
use crate::release::replay::SpentToken;

use super::draft::DecisionDraft;
use super::line::IssuedFacts;
use super::log::{DecisionLog, LogUnavailable, Room};

/// A token that was recorded, for the answer to the caller and for nobody else. Debug is redacted, there is no Display, and it is wiped on
/// drop. Only [`DecisionLog::release`] makes one.
pub struct IssuedToken {
    expires_in: Seconds,
    id: TokenId,
    kind: IssuedKind,
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
        let (id, kind, scopes) = (minted.id().clone(), minted.kind(), minted.scopes().clone());
        let expires_in = minted.expires_in();
        self.issued(room, &draft, facts(minted, spent.repeats())).await?;
        Ok(IssuedToken { expires_in, id, kind, scopes, sealed: spent.into_minted().unseal() })
    }
}

fn facts(minted: &MintedToken, repeats: bool) -> IssuedFacts<'_> {
    let target = minted.permit().target();
    let form = match (target.format, &target.encryption) {
        (TokenFormat::Opaque, _) => Some("opaque"),
        (TokenFormat::Jwt, Some(_)) => Some("encrypted"),
        (TokenFormat::Jwt, None) => None,
    };
    let (jti, kid, expires_in) = (minted.id().as_str(), minted.key_id(), minted.expires_in().0);
    let permit = minted.permit();
    IssuedFacts { jti, kid, expires_in, act: permit.act(), bond: permit.bond(), form, repeats }
}

impl IssuedToken {
    /// The compact serialisation, or the handle: the `access_token` of the answer (RFC 8693 §2.2.1).
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.sealed.expose_secret()
    }

    /// What is left of its lifetime: `expires_in` of the answer.
    #[must_use]
    pub fn expires_in(&self) -> Seconds {
        self.expires_in
    }

    /// What it is: `issued_token_type` and `token_type` of the answer.
    #[must_use]
    pub fn kind(&self) -> IssuedKind {
        self.kind
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
