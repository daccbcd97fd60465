//! What is wrong with a request.

/// A request is not one that the RFCs and this server know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// An actor token came, and no relationship that is about its subject asks for one.
    #[error("no relationship asks for an actor token")]
    ActorUnused,
    /// `client_assertion_type` is missing, unknown, or stands alone (RFC 7521 §4.2).
    #[error("client_assertion and client_assertion_type come together, and the type is one that is supported")]
    AssertionType,
    /// The scope is not one `<audience>/.default`.
    #[error("scope is no single audience followed by /.default")]
    DefaultScope,
    /// No `grant_type`.
    #[error("grant_type is missing")]
    GrantTypeMissing,
    /// Another `grant_type`.
    #[error("grant_type is not supported")]
    GrantTypeUnsupported,
    /// `lifetime` is no positive integer.
    #[error("lifetime is no positive integer of seconds")]
    Lifetime,
    /// A required parameter is missing or empty.
    #[error("{0} is missing")]
    ParameterMissing(&'static str),
    /// A known parameter that this grant does not support.
    #[error("{0} is not supported")]
    ParameterUnsupported(&'static str),
    /// `requested_token_type` is not what we issue.
    #[error("requested_token_type is not supported")]
    RequestedTokenType,
    /// `scope` breaks the grammar of RFC 6749 §3.3.
    #[error("scope breaks the grammar of RFC 6749 section 3.3")]
    Scope,
    /// More than one target is asked for.
    #[error("one token is for one target")]
    SeveralTargets,
    /// `resource` is no absolute URI, or has a fragment.
    #[error("resource is no absolute URI without a fragment")]
    Target,
    /// `subject_token_type` or `actor_token_type` is none of ours.
    #[error("subject_token_type or actor_token_type is not supported")]
    TokenType,
}

impl Malformed {
    /// The stable reason.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ActorUnused => "actor_unused",
            Self::AssertionType => "client_assertion_type",
            Self::DefaultScope => "default_scope",
            Self::GrantTypeMissing => "grant_type_missing",
            Self::GrantTypeUnsupported => "grant_type_unsupported",
            Self::Lifetime => "lifetime_syntax",
            Self::ParameterMissing(_) => "parameter_missing",
            Self::ParameterUnsupported(_) => "parameter_unsupported",
            Self::RequestedTokenType => "requested_token_type",
            Self::Scope => "scope_syntax",
            Self::SeveralTargets => "several_targets",
            Self::Target => "target_syntax",
            Self::TokenType => "token_type",
        }
    }
}
