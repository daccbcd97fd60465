//! The parameters we know by name.

/// A parameter that we know. Those that the form's endpoint does not know are ignored (RFC 6749 §3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "`name` says it")]
pub enum Parameter {
    AccessToken,
    ActorToken,
    ActorTokenType,
    Assertion,
    Audience,
    AuthorizationDetails,
    ClientAssertion,
    ClientAssertionType,
    ClientId,
    ClientSecret,
    GrantType,
    Lifetime,
    RequestedTokenType,
    Resource,
    Scope,
    SubjectToken,
    SubjectTokenType,
    Token,
    TokenTypeHint,
}

/// Which form it is: each kind of endpoint knows its own parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FormKind {
    /// Of the token endpoint.
    Grant,
    /// Of introspection and revocation (RFC 7662 §2.1, RFC 7009 §2.1).
    Inspection,
}

impl Parameter {
    /// Every known parameter.
    pub const ALL: [Self; 19] = [
        Self::AccessToken,
        Self::ActorToken,
        Self::ActorTokenType,
        Self::Assertion,
        Self::Audience,
        Self::AuthorizationDetails,
        Self::ClientAssertion,
        Self::ClientAssertionType,
        Self::ClientId,
        Self::ClientSecret,
        Self::GrantType,
        Self::Lifetime,
        Self::RequestedTokenType,
        Self::Resource,
        Self::Scope,
        Self::SubjectToken,
        Self::SubjectTokenType,
        Self::Token,
        Self::TokenTypeHint,
    ];

    /// The name in the form. Case-sensitive (RFC 6749 §3.2).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::ActorToken => "actor_token",
            Self::ActorTokenType => "actor_token_type",
            Self::Assertion => "assertion",
            Self::Audience => "audience",
            Self::AuthorizationDetails => "authorization_details",
            Self::ClientAssertion => "client_assertion",
            Self::ClientAssertionType => "client_assertion_type",
            Self::ClientId => "client_id",
            Self::ClientSecret => "client_secret",
            Self::GrantType => "grant_type",
            Self::Lifetime => "lifetime",
            Self::RequestedTokenType => "requested_token_type",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::SubjectToken => "subject_token",
            Self::SubjectTokenType => "subject_token_type",
            Self::Token => "token",
            Self::TokenTypeHint => "token_type_hint",
        }
    }

    /// Whether it may stand more than once: RFC 8693 §2.1 and RFC 8707 §2 say so of these two only.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        matches!(self, Self::Audience | Self::Resource)
    }

    /// Whether its value proves something, and so leaves the form as a secret only.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::AccessToken
                | Self::ActorToken
                | Self::Assertion
                | Self::ClientAssertion
                | Self::ClientSecret
                | Self::SubjectToken
                | Self::Token
        )
    }

    pub(super) fn from_name(name: &str, kind: FormKind) -> Option<Self> {
        Self::ALL.into_iter().find(|parameter| parameter.name() == name).filter(|parameter| parameter.is_known_in(kind))
    }

    const fn is_known_in(self, kind: FormKind) -> bool {
        let inspection = matches!(self, Self::AccessToken | Self::Token | Self::TokenTypeHint);
        let both = matches!(self, Self::ClientAssertion | Self::ClientAssertionType | Self::ClientId | Self::ClientSecret);
        match kind {
            FormKind::Grant => !inspection,
            FormKind::Inspection => inspection || both,
        }
    }
}
