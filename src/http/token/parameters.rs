//! From a request to the parameters of a grant.

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use crate::domain::{IdempotencyKey, IssuerUrl};
use crate::exchange::{AssertionProfile, CLIENT_CREDENTIALS, Family, Parameters, SentProof};
use crate::http::metadata::tenant_url;
use crate::http::{BodyRoom, ClientCertificate, Form, OauthCode, OauthError, Parameter, client_hint, presented_proof, proof_error};
use crate::token::RejectedProof;

/// Known parameters that would change what a token means, and that we do not support: refused, not ignored.
const UNSUPPORTED: [Parameter; 1] = [Parameter::AuthorizationDetails];

/// What a client sends to be known again when it repeats a request whose answer was lost.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Where a request came in.
pub(super) enum Address {
    /// The token endpoint.
    Standard,
    /// The same below a segment of any name, where Microsoft's SDKs look for it.
    BelowTenant(String),
}

impl Address {
    /// How its requests are written.
    pub(super) const fn profile(&self) -> AssertionProfile {
        match self {
            Self::Standard => AssertionProfile::Standard,
            Self::BelowTenant(_) => AssertionProfile::DefaultScope,
        }
    }

    /// As the metadata gives it. `None` for a segment that no metadata names.
    fn url(&self, issuer: &IssuerUrl) -> Option<String> {
        match self {
            Self::Standard => Some(issuer.join("/token")),
            Self::BelowTenant(tenant) => tenant_url(issuer, tenant, "oauth2/v2.0/token"),
        }
    }
}

/// Reads the whole request. What it may say is decided by [`crate::exchange`]; here only what HTTP and its authentication forbid.
pub(super) async fn parameters(head: &Parts, body: Body, room: &BodyRoom, to: (&IssuerUrl, &Address)) -> Result<Parameters, OauthError> {
    let profile = to.1.profile();
    let mut form = match profile {
        AssertionProfile::Standard => Form::read(head, body, room).await?,
        AssertionProfile::DefaultScope => Form::read_beside_correlation_id(head, body, room).await?,
    };
    let grant_type = form.take_one(Parameter::GrantType);
    authentication(&form, &head.headers, grant_type.as_deref())?;
    let idempotency_key = idempotency_key(&head.headers)?;
    let client_id = client_id(&mut form, &head.headers)?;
    Ok(Parameters {
        unsupported: UNSUPPORTED.into_iter().find(|parameter| form.has(*parameter)).map(Parameter::name),
        grant_type,
        subject_token: form.take_token(Parameter::SubjectToken),
        subject_token_type: form.take_one(Parameter::SubjectTokenType),
        actor_token: form.take_token(Parameter::ActorToken),
        actor_token_type: form.take_one(Parameter::ActorTokenType),
        assertion: form.take_token(Parameter::Assertion),
        client_assertion: form.take_token(Parameter::ClientAssertion),
        client_assertion_type: form.take_one(Parameter::ClientAssertionType),
        requested_token_type: form.take_one(Parameter::RequestedTokenType),
        audience: form.take_all(Parameter::Audience),
        resource: form.take_all(Parameter::Resource),
        scope: form.take_one(Parameter::Scope),
        lifetime: form.take_one(Parameter::Lifetime),
        client_id,
        idempotency_key,
        proof: sent_proof(&head.headers, to)?,
        certificate: head.extensions.get::<ClientCertificate>().map(|certificate| certificate.0),
        profile,
    })
}

/// The proof, with the URL that it must be about: whoever has no such URL can be sent no proof.
fn sent_proof(headers: &HeaderMap, (issuer, address): (&IssuerUrl, &Address)) -> Result<Option<SentProof>, OauthError> {
    let Some(text) = presented_proof(headers)? else { return Ok(None) };
    let url = address.url(issuer).ok_or_else(|| proof_error(RejectedProof::Uri))?;
    Ok(Some(SentProof { text, url }))
}

/// The client that form and Basic name: one, or the same twice.
fn client_id(form: &mut Form, headers: &HeaderMap) -> Result<Option<String>, OauthError> {
    match (client_hint(headers)?, form.take_one(Parameter::ClientId)) {
        (Some(user), Some(client)) if user != client => {
            Err(OauthError::malformed(StatusCode::BAD_REQUEST, "authorization").with_detail("client_id differs"))
        }
        (user, client) => Ok(user.or(client)),
    }
}

/// Refused when it cannot be what the client meant: a request that it believes to be repeatable, and that is not, would cost it its token.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, OauthError> {
    let refused = || OauthError::malformed(StatusCode::BAD_REQUEST, "idempotency_key");
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused().with_detail("two headers"));
    }
    value.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok()).map(Some).ok_or_else(refused)
}

/// Refuses a form that authenticates its client in another way than by the assertion of `client_credentials`: we keep no secret that could
/// be right. Two ways at once are `invalid_request` (RFC 6749 §5.2), unless one of them is an assertion (RFC 7521 §4.2.1).
fn authentication(form: &Form, headers: &HeaderMap, grant_type: Option<&str>) -> Result<(), OauthError> {
    let assertion = form.has(Parameter::ClientAssertion) || form.has(Parameter::ClientAssertionType);
    let (secret, header) = (form.has(Parameter::ClientSecret), headers.contains_key(AUTHORIZATION));
    let by_assertion = grant_type == Some(CLIENT_CREDENTIALS) && assertion;
    if by_assertion && !secret && !header || !assertion && !secret {
        return Ok(());
    }
    let (status, code) = if header && !assertion {
        (StatusCode::BAD_REQUEST, OauthCode::InvalidRequest)
    } else {
        (StatusCode::UNAUTHORIZED, OauthCode::InvalidClient)
    };
    Err(OauthError::new(status, code, Family::Malformed.name(), "client_secret"))
}
