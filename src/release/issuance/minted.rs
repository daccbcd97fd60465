//! A token that is signed and still worth nothing to anybody.

use std::fmt;

use secrecy::SecretString;

use crate::domain::{RelationshipName, Scopes, Seconds, TargetName, Timestamp, TokenId};
use crate::policy::Permit;

use super::kind::IssuedKind;
use super::opaque::OpaqueRecord;
use super::spends::SpendList;

/// A signed token that nobody may read yet.
///
/// The replay guard turns it into a spent one on first use of its subject token, and only the decision record opens that. It carries
/// the permit it was minted for, so that it can neither be spent nor recorded as something else. Wiped on drop.
pub struct MintedToken {
    pub(super) id: TokenId,
    pub(super) key_id: Box<str>,
    pub(super) minted_at: Timestamp,
    pub(super) permit: Box<Permit>,
    /// What the store must keep before the token may be released: what its handle stands for.
    pub(super) record: Option<OpaqueRecord>,
    pub(super) sealed: SecretString,
    pub(super) spends: SpendList,
    pub(super) times: Times,
}

/// `iat` and `exp` of an issued token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::release) struct Times {
    pub(in crate::release) issued_at: Timestamp,
    pub(in crate::release) expires_at: Timestamp,
}

impl MintedToken {
    /// What is left of its lifetime when it is released: all of it, unless the token repeats an earlier one.
    pub(in crate::release) fn expires_in(&self) -> Seconds {
        self.times.expires_at.since(self.minted_at)
    }

    /// `jti`.
    pub(in crate::release) fn id(&self) -> &TokenId {
        &self.id
    }

    /// `kid` of the key that signed it.
    pub(in crate::release) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The `now` of the request it was minted for.
    pub(in crate::release) fn minted_at(&self) -> Timestamp {
        self.minted_at
    }

    /// The relationship that permits it: `client_id`.
    pub(in crate::release) fn relationship(&self) -> &RelationshipName {
        self.permit.relationship()
    }

    /// What it is, for the answer.
    pub(in crate::release) fn kind(&self) -> IssuedKind {
        IssuedKind::of(self.permit.target().kind, &self.permit.bond(), self.permit.token_type())
    }

    /// The permit it was minted for.
    pub(in crate::release) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What the store must keep of it.
    pub(in crate::release) fn record(&self) -> Option<&OpaqueRecord> {
        self.record.as_ref()
    }

    /// What it allows.
    pub(in crate::release) fn scopes(&self) -> &Scopes {
        self.permit.scopes()
    }

    /// What its release uses up.
    pub(in crate::release) fn spends(&self) -> &SpendList {
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

    /// `iat` and `exp`.
    pub(in crate::release) fn times(&self) -> Times {
        self.times
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
