//! What a rule selects.

use std::fmt;
use std::sync::Arc;

use crate::domain::{Audience, ClaimPath, IssuerName, RelationshipName};

use super::jti::Jti;

/// Which tokens a rule is about. Everything is compared exactly, character by character.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Selector {
    /// Every token.
    All,
    /// What this claim of the presented token says; in a list, any of its elements.
    Claim {
        /// Which claim.
        path: ClaimPath,
        /// A string of this text, or the number or boolean that is written so: whoever takes back in a hurry need not know which.
        value: Box<str>,
        /// Only of this issuer's tokens.
        issuer: Option<IssuerName>,
    },
    /// Presented by this issuer, or issued for what it presented.
    Issuer(IssuerName),
    /// Signed by the key of this `kid`: an issuer's or ours.
    KeyId(Box<str>),
    /// One token that we issued, by its `jti`, and what was narrowed from it. Made by its holder (RFC 7009).
    Own(Arc<str>),
    /// Exchanged by this relationship; of ours: `client_id`.
    Relationship(RelationshipName),
    /// `<issuer name>:<subject>`: as it stands in `sub`, and in any `act`, of an issued token.
    Subject(Box<str>),
    /// Issued for this target; of ours: `aud`.
    Target(Audience),
    /// The token with this `jti`, whoever issued it, and what was issued for it or narrowed from it.
    TokenId(Jti),
}

impl Selector {
    /// The stable word of its kind: in `cambist revocations`, in the process log and in what commands print.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Claim { .. } => "claim",
            Self::Issuer(_) => "issuer",
            Self::KeyId(_) => "kid",
            Self::Own(_) => "token",
            Self::Relationship(_) => "relationship",
            Self::Subject(_) => "subject",
            Self::Target(_) => "target",
            Self::TokenId(_) => "jti",
        }
    }

    /// What it is compared with; empty for [`Self::All`].
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Claim { path, value, issuer: None } => format!("{path}={value}"),
            Self::Claim { path, value, issuer: Some(issuer) } => format!("{path}={value} of {issuer}"),
            Self::Issuer(name) => name.to_string(),
            Self::KeyId(text) | Self::Subject(text) => text.to_string(),
            Self::TokenId(id) => id.to_string(),
            Self::Own(id) => id.to_string(),
            Self::Relationship(name) => name.to_string(),
            Self::Target(audience) => audience.as_str().to_owned(),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self, Self::All) { f.write_str(self.name()) } else { write!(f, "{} {}", self.name(), self.value().escape_debug()) }
    }
}
