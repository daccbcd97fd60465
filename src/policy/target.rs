//! Where issued tokens are used.

use std::collections::BTreeMap;

use crate::domain::{Audience, Scope, Seconds, TargetName};
use crate::token::{Algorithm, EncryptionKey};

use super::ask::TokenKind;

/// A registered target: one audience and the scopes that mean something there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// Its name in trust files, metrics and decision records.
    pub name: TargetName,
    /// `aud` of the tokens issued for it; what callers write as `audience` or `resource`.
    pub audience: Audience,
    /// Who answers for it.
    pub owner: String,
    /// Ceiling for every lifetime, in seconds.
    pub max_lifetime: Seconds,
    /// Every scope it knows, with what it allows.
    pub scopes: BTreeMap<Scope, String>,
    /// How its tokens are signed: `ES256`, `RS256` or `EdDSA`.
    pub algorithm: Algorithm,
    /// What the bearer of its tokens can read in them.
    pub format: TokenFormat,
    /// What its tokens are for. Authorization grants live at most 60 seconds.
    pub kind: TokenKind,
    /// To which its signed tokens are encrypted. Opaque tokens say nothing that could be.
    pub encryption: Option<EncryptionKey>,
}

/// How a target's tokens look to those who carry them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenFormat {
    /// A signed JWT.
    #[default]
    Jwt,
    /// A handle that only introspection explains.
    Opaque,
}
