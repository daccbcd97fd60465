//! Is it a request of RFC 8693 §2.1?

use url::Url;

use crate::domain::{Digest256, IdempotencyKey, Scopes, Seconds, SubjectToken};
use crate::policy::Ask;
use crate::release::issuance::RepeatableRequest;

/// The one grant type there is so far (RFC 8693 §2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What a subject token of another issuer may be called: both mean the same (RFC 8693 §3). `access_token` and `refresh_token` would
/// mean tokens of this server.
const SUBJECT_TOKEN_TYPES: [&str; 2] = ["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"];

/// What we issue (RFC 8693 §3).
const ISSUED_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The parameters of the token endpoint that mean something to us, taken from the form. Empty values count as absent.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is the parameter of its name in RFC 8693 section 2.1 or RFC 6749")]
pub struct Parameters {
    pub grant_type: Option<String>,
    pub subject_token: Option<SubjectToken>,
    pub subject_token_type: Option<String>,
    pub requested_token_type: Option<String>,
    pub audience: Vec<String>,
    pub resource: Vec<String>,
    pub scope: Option<String>,
    /// Our extension: seconds.
    pub lifetime: Option<String>,
    pub client_id: Option<String>,
    /// The header `Idempotency-Key`; no part of the form.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The first known parameter in the form that is not supported: to ignore it would change what the caller gets.
    pub unsupported: Option<&'static str>,
}

/// A well-formed request for an exchange.
#[derive(Debug)]
pub struct ExchangeRequest {
    /// The token presented.
    pub subject_token: SubjectToken,
    /// What is asked for it.
    pub ask: Ask,
    /// By which the client will be known again when it repeats the request.
    idempotency_key: Option<IdempotencyKey>,
}

/// A request is not one that RFC 8693 and this server know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
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
    /// A known parameter that is not supported.
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
    /// `subject_token_type` is none of ours.
    #[error("subject_token_type is not supported")]
    TokenType,
}

impl Malformed {
    /// The stable reason.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
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

impl ExchangeRequest {
    /// Reads the parameters. Nothing of the token is looked at.
    pub fn parse(parameters: Parameters) -> Result<Self, Malformed> {
        match parameters.grant_type.as_deref() {
            Some(TOKEN_EXCHANGE) => {}
            Some(_) => return Err(Malformed::GrantTypeUnsupported),
            None => return Err(Malformed::GrantTypeMissing),
        }
        if let Some(name) = parameters.unsupported {
            return Err(Malformed::ParameterUnsupported(name));
        }
        let subject_token = parameters.subject_token.ok_or(Malformed::ParameterMissing("subject_token"))?;
        let token_type = parameters.subject_token_type.ok_or(Malformed::ParameterMissing("subject_token_type"))?;
        if !SUBJECT_TOKEN_TYPES.contains(&token_type.as_str()) {
            return Err(Malformed::TokenType);
        }
        if parameters.requested_token_type.is_some_and(|requested| requested != ISSUED_TOKEN_TYPE) {
            return Err(Malformed::RequestedTokenType);
        }
        let scopes = parameters.scope.map(|scope| Scopes::parse(&scope).map_err(|_| Malformed::Scope)).transpose()?;
        let ask = Ask {
            target: target(parameters.audience, &parameters.resource)?,
            scopes,
            lifetime: parameters.lifetime.as_deref().map(lifetime).transpose()?,
            relationship: parameters.client_id,
        };
        Ok(Self { subject_token, ask, idempotency_key: parameters.idempotency_key })
    }

    /// Ties the idempotency key, when there is one, to this request for the token of this digest.
    #[must_use]
    pub fn repeatable(&self, subject_token: Digest256) -> Option<RepeatableRequest<'_>> {
        self.idempotency_key.as_ref().map(|key| RepeatableRequest::new(key, self.digest(&subject_token)))
    }

    /// Everything in the request that decides its answer, in one spelling: requests of one digest have asked for the same token. The
    /// first and the last have one value each, until there are more grants and more kinds of issued tokens.
    fn digest(&self, subject_token: &Digest256) -> Digest256 {
        let Ask { target, scopes, lifetime, relationship } = &self.ask;
        let scopes = scopes.as_ref().map(ToString::to_string);
        let lifetime = lifetime.map(|lifetime| lifetime.0.to_be_bytes());
        Digest256::of_fields(&[
            Some(TOKEN_EXCHANGE.as_bytes()),
            Some(subject_token.as_bytes()),
            target.as_deref().map(str::as_bytes),
            scopes.as_deref().map(str::as_bytes),
            lifetime.as_ref().map(<[u8; 8]>::as_slice),
            relationship.as_deref().map(str::as_bytes),
            Some(ISSUED_TOKEN_TYPE.as_bytes()),
        ])
    }
}

/// `audience` is a name, `resource` an absolute URI without a fragment (RFC 8693 §2.1, RFC 8707 §2). Both may be repeated; a token is for
/// one target.
fn target(audiences: Vec<String>, resources: &[String]) -> Result<Option<String>, Malformed> {
    let is_resource = |resource: &String| !resource.contains('#') && Url::parse(resource).is_ok();
    if !resources.iter().all(is_resource) {
        return Err(Malformed::Target);
    }
    let mut targets: Vec<_> = audiences.into_iter().chain(resources.iter().cloned()).collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.len() > 1 { Err(Malformed::SeveralTargets) } else { Ok(targets.pop()) }
}

/// A positive integer of seconds; one beyond every ceiling is as good as the ceiling.
fn lifetime(text: &str) -> Result<Seconds, Malformed> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Lifetime);
    }
    match text.parse().unwrap_or(u64::MAX) {
        0 => Err(Malformed::Lifetime),
        seconds => Ok(Seconds(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well_formed() -> Parameters {
        Parameters {
            grant_type: Some(TOKEN_EXCHANGE.into()),
            subject_token: Some(SubjectToken::new("t".into())),
            subject_token_type: Some(SUBJECT_TOKEN_TYPES[0].into()),
            ..Parameters::default()
        }
    }

    fn refused(change: impl FnOnce(&mut Parameters)) -> Option<Malformed> {
        let mut parameters = well_formed();
        change(&mut parameters);
        ExchangeRequest::parse(parameters).err()
    }

    #[test]
    fn every_rule_of_the_request_bites() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(refused(|_| {}), None);
        assert_eq!(refused(|p| p.grant_type = None), Some(Malformed::GrantTypeMissing));
        assert_eq!(refused(|p| p.grant_type = some("password")), Some(Malformed::GrantTypeUnsupported));
        assert_eq!(refused(|p| p.grant_type = some(&TOKEN_EXCHANGE.to_uppercase())), Some(Malformed::GrantTypeUnsupported));
        assert_eq!(refused(|p| p.subject_token = None), Some(Malformed::ParameterMissing("subject_token")));
        assert_eq!(refused(|p| p.subject_token_type = None), Some(Malformed::ParameterMissing("subject_token_type")));
        assert_eq!(refused(|p| p.subject_token_type = some(ISSUED_TOKEN_TYPE)), Some(Malformed::TokenType));
        assert_eq!(refused(|p| p.unsupported = Some("actor_token")), Some(Malformed::ParameterUnsupported("actor_token")));
        assert_eq!(refused(|p| p.requested_token_type = some(ISSUED_TOKEN_TYPE)), None);
        assert_eq!(refused(|p| p.requested_token_type = some(SUBJECT_TOKEN_TYPES[0])), Some(Malformed::RequestedTokenType));
        assert_eq!(refused(|p| p.scope = some("a  b")), Some(Malformed::Scope));
    }

    #[test]
    fn a_token_is_for_one_target() {
        let asked = |audiences: &[&str], resources: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            target(owned(audiences), &owned(resources))
        };
        for (audiences, resources, expected, why) in [
            (&[][..], &[][..], Ok(None), "none is a question for the policy"),
            (&["a"], &[], Ok(Some("a")), "a name"),
            (&["https://a", "https://a"], &["https://a"], Ok(Some("https://a")), "one target, three times"),
            (&["a", "b"], &[], Err(Malformed::SeveralTargets), "two names"),
            (&["a"], &["https://a"], Err(Malformed::SeveralTargets), "a name and another URI"),
            (&[], &["/x"], Err(Malformed::Target), "relative"),
            (&[], &["https://a/#f"], Err(Malformed::Target), "fragment"),
            (&[], &["https://a/?t=1"], Ok(Some("https://a/?t=1")), "a query is part of it"),
        ] {
            assert_eq!(asked(audiences, resources), expected.map(|target| target.map(Into::into)), "{why}");
        }
    }

    #[test]
    fn requests_that_ask_for_the_same_have_one_digest() {
        type Change<'a> = &'a dyn Fn(&mut Parameters);
        let digest = |token: &[u8], change: Change<'_>| {
            let mut parameters = well_formed();
            parameters.audience = vec!["https://a".into()];
            parameters.scope = Some("one two".into());
            parameters.lifetime = Some("60".into());
            change(&mut parameters);
            ExchangeRequest::parse(parameters).unwrap().digest(&Digest256::of(token))
        };
        let some = |text: &str| Some(text.to_owned());
        let cases: [(&[u8], Change<'_>, bool, &str); 13] = [
            (b"t", &|_| {}, true, "the same"),
            (b"t", &|p| p.scope = some("two one two"), true, "scopes in another order"),
            (b"t", &|p| p.lifetime = some("060"), true, "a lifetime with a zero"),
            (b"t", &|p| p.subject_token_type = some(SUBJECT_TOKEN_TYPES[1]), true, "a name that means the same"),
            (b"t", &|p| p.requested_token_type = some(ISSUED_TOKEN_TYPE), true, "what is issued anyway"),
            (b"t", &|p| p.resource = std::mem::take(&mut p.audience), true, "the target as a resource"),
            (b"u", &|_| {}, false, "another token"),
            (b"t", &|p| p.scope = some("one"), false, "fewer scopes"),
            (b"t", &|p| p.scope = None, false, "the whole grant"),
            (b"t", &|p| p.lifetime = some("61"), false, "another lifetime"),
            (b"t", &|p| p.audience.clear(), false, "the only target there is"),
            (b"t", &|p| p.audience = vec!["https://b".into()], false, "another target"),
            (b"t", &|p| p.client_id = some("web-shop"), false, "one relationship"),
        ];
        for (token, change, same, why) in cases {
            assert_eq!(digest(token, change) == digest(b"t", &|_| {}), same, "{why}");
        }
    }

    #[test]
    fn a_lifetime_is_a_positive_integer() {
        for (text, expected) in [
            ("60", Ok(60)),
            ("007", Ok(7)),
            ("99999999999999999999999", Ok(u64::MAX)),
            ("0", Err(Malformed::Lifetime)),
            ("-1", Err(Malformed::Lifetime)),
            ("+1", Err(Malformed::Lifetime)),
            ("1.5", Err(Malformed::Lifetime)),
            ("1e3", Err(Malformed::Lifetime)),
            (" 60", Err(Malformed::Lifetime)),
        ] {
            assert_eq!(lifetime(text), expected.map(Seconds), "{text}");
        }
    }
}
