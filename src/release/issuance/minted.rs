//! A token that is signed and still worth nothing to anybody.

use std::fmt;

use secrecy::SecretString;

use crate::domain::{RelationshipName, Scopes, TargetName, Timestamp, TokenId};
use crate::policy::Permit;

use super::spends::Spends;

/// A signed token that nobody may read yet.
///
/// The replay guard turns it into a spent one on first use of its subject token, and only the decision record opens that. It carries
/// the permit it was minted for, so that it can neither be spent nor recorded as something else. Wiped on drop.
pub struct MintedToken {
    pub(super) expires_at: Timestamp,
    pub(super) id: TokenId,
    pub(super) issued_at: Timestamp,
    pub(super) key_id: Box<str>,
    pub(super) permit: Permit,
    pub(super) sealed: SecretString,
    pub(super) spends: Spends,
}

impl MintedToken {
    /// `exp`.
    pub(in crate::release) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// `jti`.
    pub(in crate::release) fn id(&self) -> &TokenId {
        &self.id
    }

    /// `iat`.
    pub(in crate::release) fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// `kid` of the key that signed it.
    pub(in crate::release) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The relationship that permits it: `client_id`.
    pub(in crate::release) fn relationship(&self) -> &RelationshipName {
        self.permit.relationship()
    }

    /// What it allows.
    pub(in crate::release) fn scopes(&self) -> &Scopes {
        self.permit.scopes()
    }

    /// What its release uses up.
    pub(in crate::release) fn spends(&self) -> &Spends {
        &self.spends
    }

    /// `sub`.
    pub(in crate::release) fn subject(&self) -> &str {
        self.permit.subject()
    }

    /// Where it is used.
    pub(in crate::release) fn target(&self) -> &TargetName {
        &self.permit.target().name
    }

    /// Breaks the seal. For the decision record, after it has written the line, and for nobody else.
    pub(in crate::release) fn unseal(self) -> SecretString {
        self.sealed
    }
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedToken").field("id", &self.id).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
