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
    /// To which key its tokens must be bound.
    pub bind: Binding,
    /// What the bearer of its tokens can read in them.
    pub format: TokenFormat,
    /// What its tokens are for. Authorization grants live at most 60 seconds.
    pub kind: TokenKind,
    /// The relationships and clients that may introspect its tokens, sorted.
    pub introspection: Vec<Box<str>>,
    /// To which its signed tokens are encrypted. An opaque token says nothing that could be.
    pub encryption: Option<EncryptionKey>,
}

impl Target {
    /// An ordinary target: its tokens are signed JWTs for a resource server, bound to whatever key the caller proves, and explained to
    /// nobody.
    #[must_use]
    pub fn new(name: TargetName, audience: Audience, owner: &str, max_lifetime: Seconds, algorithm: Algorithm) -> Self {
        Self {
            name,
            audience,
            owner: owner.into(),
            max_lifetime,
            scopes: BTreeMap::new(),
            algorithm,
            bind: Binding::Any,
            format: TokenFormat::Jwt,
            kind: TokenKind::AccessToken,
            introspection: Vec::new(),
            encryption: None,
        }
    }
}

/// To which key a target's tokens are bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Binding {
    /// To those that the caller proves, if any.
    #[default]
    Any,
    /// To the key of a DPoP proof; without one there is no token (RFC 9449 §5).
    Dpop,
    /// To the client certificate of the connection; without one there is no token (RFC 8705 §3).
    Mtls,
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
