//! Where issued tokens are used.

use std::collections::BTreeMap;

use crate::domain::{Audience, Scope, Seconds, TargetName};
use crate::token::Algorithm;

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
}
