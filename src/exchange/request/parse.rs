//! From parameters to a request.

use url::Url;

use crate::domain::{Digest256, IdempotencyKey, Scopes, Seconds, SubjectToken, Thumbprint};
use crate::policy::{Ask, RequestedType};
use crate::release::issuance::RepeatableRequest;
use crate::token::ProvenKeys;

use super::{ACCESS_TOKEN_TYPE, AssertionProfile, GrantType, JWT_TYPE, Malformed, Parameters, SentProof};

/// What a token of another issuer may be called: both mean the same (RFC 8693 §3).
const FOREIGN_TOKEN_TYPES: [&str; 2] = [JWT_TYPE, "urn:ietf:params:oauth:token-type:id_token"];
/// RFC 7523 §2.2.
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// OAuth SPIFFE client authentication: the assertion is a JWT-SVID.
const SPIFFE_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
/// What follows the audience in a scope that asks for the whole grant.
const DEFAULT_SCOPE: &str = "/.default";

/// A well-formed request for a token.
#[derive(Debug)]
pub struct ExchangeRequest {
    /// By which grant.
    pub grant: GrantType,
    /// On whose behalf.
    pub subject: Subject,
    /// The actor token.
    pub actor: Option<SubjectToken>,
    /// What is asked for it.
    pub ask: Ask,
    /// The DPoP proof, as it came.
    pub proof: Option<SentProof>,
    /// The certificate that the client proved in the TLS handshake.
    pub certificate: Option<Thumbprint>,
    /// By which the client will be known again when it repeats the request.
    idempotency_key: Option<IdempotencyKey>,
}

/// The token presented.
#[derive(Debug)]
pub struct Subject {
    /// Its text.
    pub token: SubjectToken,
    /// Whose token the request says it is.
    pub origin: TokenOrigin,
}

/// Whose token a request says it presents (RFC 8693 §3). What is verified, and how, follows from it and never from the token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenOrigin {
    /// Of a trusted issuer.
    Foreign,
    /// Of a SPIFFE trust domain.
    Spiffe,
    /// Of this server: an access token that is to be narrowed.
    Own,
}

impl ExchangeRequest {
    /// Reads the parameters. Nothing of the token is looked at.
    pub fn parse(mut parameters: Parameters) -> Result<Self, Malformed> {
        let grant = parameters.grant_type.as_deref().ok_or(Malformed::GrantTypeMissing)?;
        let grant = GrantType::from_urn(grant).ok_or(Malformed::GrantTypeUnsupported)?;
        if parameters.profile == AssertionProfile::DefaultScope && grant != GrantType::ClientCredentials {
            return Err(Malformed::GrantTypeUnsupported);
        }
        if let Some(name) = parameters.unsupported.or_else(|| of_another_grant(&parameters, grant)) {
            return Err(Malformed::ParameterUnsupported(name));
        }
        let subject = subject(&mut parameters, grant)?;
        let actor = actor(&mut parameters)?;
        let token_type = match parameters.requested_token_type.as_deref() {
            None => None,
            Some(ACCESS_TOKEN_TYPE) => Some(RequestedType::AccessToken),
            Some(JWT_TYPE) => Some(RequestedType::Jwt),
            Some(_) => return Err(Malformed::RequestedTokenType),
        };
        if parameters.profile == AssertionProfile::DefaultScope {
            parameters.audience.push(default_scope(parameters.scope.take())?);
        }
        let scopes = parameters.scope.map(|scope| Scopes::parse(&scope).map_err(|_| Malformed::Scope)).transpose()?;
        let ask = Ask {
            target: target(parameters.audience, &parameters.resource)?,
            scopes,
            lifetime: parameters.lifetime.as_deref().map(lifetime).transpose()?,
            relationship: parameters.client_id,
            only_named: grant == GrantType::ClientCredentials,
            token_type,
            takes_grants: grant == GrantType::TokenExchange,
        };
        let (proof, certificate) = (parameters.proof, parameters.certificate);
        Ok(Self { grant, subject, actor, ask, proof, certificate, idempotency_key: parameters.idempotency_key })
    }

    /// Ties the idempotency key, when there is one, to this request for the tokens of these digests: subject, then actor.
    #[must_use]
    pub fn repeatable(&self, tokens: (Digest256, Option<Digest256>), proven: ProvenKeys) -> Option<RepeatableRequest<'_>> {
        self.idempotency_key.as_ref().map(|key| RepeatableRequest::new(key, self.digest(tokens, proven)))
    }

    /// Everything in the request that decides its answer, in one spelling: requests of one digest have asked for the same token. A proof is
    /// another each time; what it proves is not.
    pub(super) fn digest(&self, (subject, actor): (Digest256, Option<Digest256>), proven: ProvenKeys) -> Digest256 {
        let Ask { target, scopes, lifetime, relationship, only_named: _, token_type, takes_grants: _ } = &self.ask;
        let scopes = scopes.as_ref().map(ToString::to_string);
        let lifetime = lifetime.map(|lifetime| lifetime.0.to_be_bytes());
        // Access tokens are what is issued where nothing else is asked for.
        let token_type = if *token_type == Some(RequestedType::Jwt) { JWT_TYPE } else { ACCESS_TOKEN_TYPE };
        let mut fields = vec![
            Some(self.grant.urn().as_bytes()),
            Some(subject.as_bytes().as_slice()),
            target.as_deref().map(str::as_bytes),
            scopes.as_deref().map(str::as_bytes),
            lifetime.as_ref().map(<[u8; 8]>::as_slice),
            relationship.as_deref().map(str::as_bytes),
            Some(token_type.as_bytes()),
        ];
        let key = proven.key.map(|key| *key.digest().as_bytes());
        let certificate = proven.certificate.map(|certificate| *certificate.digest().as_bytes());
        let actor = actor.map(|actor| *actor.as_bytes());
        // Requests as they were before there were actors and proofs keep their digest.
        if actor.is_some() || key.is_some() || certificate.is_some() {
            let further = [actor, key, certificate];
            fields.extend(further.iter().map(|field| field.as_ref().map(<[u8; 32]>::as_slice)));
            return Digest256::of_fields(&fields);
        }
        Digest256::of_fields(&fields)
    }
}

/// A parameter that means something for another grant only: to ignore it would change what the caller gets.
fn of_another_grant(parameters: &Parameters, grant: GrantType) -> Option<&'static str> {
    let Parameters { subject_token, subject_token_type, actor_token, actor_token_type, assertion, requested_token_type, .. } = parameters;
    let exchange = grant == GrantType::TokenExchange;
    let present = [
        ("subject_token", subject_token.is_some() && !exchange),
        ("subject_token_type", subject_token_type.is_some() && !exchange),
        ("actor_token", actor_token.is_some() && !exchange),
        ("actor_token_type", actor_token_type.is_some() && !exchange),
        ("requested_token_type", requested_token_type.is_some() && !exchange),
        ("assertion", assertion.is_some() && grant != GrantType::JwtBearer),
    ];
    present.into_iter().find_map(|(name, stray)| stray.then_some(name))
}

fn subject(parameters: &mut Parameters, grant: GrantType) -> Result<Subject, Malformed> {
    let missing = Malformed::ParameterMissing;
    match grant {
        GrantType::TokenExchange => {
            let token = parameters.subject_token.take().ok_or(missing("subject_token"))?;
            let token_type = parameters.subject_token_type.as_deref().ok_or(missing("subject_token_type"))?;
            let origin = match token_type {
                ACCESS_TOKEN_TYPE => TokenOrigin::Own,
                _ if FOREIGN_TOKEN_TYPES.contains(&token_type) => TokenOrigin::Foreign,
                _ => return Err(Malformed::TokenType),
            };
            Ok(Subject { token, origin })
        }
        GrantType::JwtBearer => {
            let token = parameters.assertion.take().ok_or(missing("assertion"))?;
            Ok(Subject { token, origin: TokenOrigin::Foreign })
        }
        GrantType::ClientCredentials => {
            let origin = match parameters.client_assertion_type.as_deref() {
                Some(JWT_ASSERTION) => TokenOrigin::Foreign,
                Some(SPIFFE_ASSERTION) => TokenOrigin::Spiffe,
                None if parameters.client_assertion.is_none() => return Err(missing("client_assertion")),
                _ => return Err(Malformed::AssertionType),
            };
            let token = parameters.client_assertion.take().ok_or(Malformed::AssertionType)?;
            Ok(Subject { token, origin })
        }
    }
}

/// The actor token: with its type, and never one of ours (RFC 8693 §2.1).
fn actor(parameters: &mut Parameters) -> Result<Option<SubjectToken>, Malformed> {
    match (parameters.actor_token.take(), parameters.actor_token_type.as_deref()) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Malformed::ParameterMissing("actor_token_type")),
        (None, Some(_)) => Err(Malformed::ParameterMissing("actor_token")),
        (Some(token), Some(token_type)) if FOREIGN_TOKEN_TYPES.contains(&token_type) => Ok(Some(token)),
        (Some(_), Some(_)) => Err(Malformed::TokenType),
    }
}

/// The audience of the one scope `<audience>/.default`.
fn default_scope(scope: Option<String>) -> Result<String, Malformed> {
    let scope = scope.ok_or(Malformed::ParameterMissing("scope"))?;
    let audience = scope.strip_suffix(DEFAULT_SCOPE).filter(|audience| !audience.is_empty() && !audience.contains(' '));
    audience.map(str::to_owned).ok_or(Malformed::DefaultScope)
}

/// `audience` is a name, `resource` an absolute URI without a fragment (RFC 8693 §2.1, RFC 8707 §2). Both may be repeated; a token is for
/// one target.
pub(super) fn target(audiences: Vec<String>, resources: &[String]) -> Result<Option<String>, Malformed> {
    if !resources.iter().all(|resource| is_resource(resource)) {
        return Err(Malformed::Target);
    }
    let mut targets: Vec<_> = audiences.into_iter().chain(resources.iter().cloned()).collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.len() > 1 { Err(Malformed::SeveralTargets) } else { Ok(targets.pop()) }
}

/// Whether it is an absolute URI without a fragment, with none but the characters of RFC 3986. A URL parser alone will not do: it mends what
/// is none.
fn is_resource(text: &str) -> bool {
    let is_uri_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let is_escape = |rest: &str| rest.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    // Brackets stand around an IPv6 address and nowhere else (section 3.2.2).
    let hierarchy = text.split_once(':').map_or("", |(_, hierarchy)| hierarchy);
    let beyond_host = hierarchy.strip_prefix("//").map_or(hierarchy, |rest| rest.trim_start_matches(|byte| !matches!(byte, '/' | '?')));
    text.bytes().all(is_uri_byte) && text.split('%').skip(1).all(is_escape) && !beyond_host.contains(['[', ']']) && Url::parse(text).is_ok()
}

/// A positive integer of seconds; one beyond every ceiling is as good as the ceiling.
pub(super) fn lifetime(text: &str) -> Result<Seconds, Malformed> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Lifetime);
    }
    match text.parse().unwrap_or(u64::MAX) {
        0 => Err(Malformed::Lifetime),
        seconds => Ok(Seconds(seconds)),
    }
}
