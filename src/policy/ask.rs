//! What a workload asks for.

use crate::domain::{Scopes, Seconds};

/// The target, scopes and lifetime that a workload requests, and the relationship it means, all still in its own words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ask {
    /// `audience` or `resource`; none asks for the only target there is.
    pub target: Option<String>,
    /// `scope`; none asks for the whole grant.
    pub scopes: Option<Scopes>,
    /// `lifetime`, in seconds; positive. Larger than the grant is clipped.
    pub lifetime: Option<Seconds>,
    /// `client_id`. When it names a relationship of the token's issuer, only that one is considered; otherwise it is ignored.
    pub relationship: Option<String>,
}

/// What a token that we issue is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// For a resource server (RFC 9068).
    AccessToken,
    /// For another authorization server, which takes it as an authorization grant (RFC 7523 §2.1, identity chaining).
    AuthorizationGrant,
}
