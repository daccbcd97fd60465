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
    /// `client_id`. When it names a relationship of the token's issuer that knows the caller, only that one is considered.
    pub relationship: Option<String>,
    /// Whether a `client_id` that names no such relationship is refused rather than ignored: where the token authenticates a client
    /// (RFC 7521 §4.2), it must be the one that is named.
    pub only_named: bool,
    /// The type of token that is asked for; none leaves it to the target.
    pub token_type: Option<RequestedType>,
    /// Whether the grant can hand out tokens that are no access tokens (RFC 8693 §2.2.1): token exchange can.
    pub takes_grants: bool,
}

/// What `requested_token_type` asks for (RFC 8693 §2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestedType {
    /// An access token, whatever it looks like.
    AccessToken,
    /// A JWT, whatever it is for: an authorization grant, or an access token that its bearer can read.
    Jwt,
}

/// What a token that we issue is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// For a resource server (RFC 9068).
    AccessToken,
    /// For another authorization server, which takes it as an authorization grant (RFC 7523 §2.1, identity chaining).
    AuthorizationGrant,
}
