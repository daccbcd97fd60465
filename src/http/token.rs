//! The token endpoint: extracts, calls, answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use crate::domain::{IdempotencyKey, Seconds, random_bytes};
use crate::exchange::{Answer, ExchangeService, Family, Malformed, Parameters, Refusal};
use crate::policy::Denial;
use crate::release::record::IssuedToken;

use super::{Answers, BodyRoom, Form, OauthCode, OauthError, Parameter, PeerAddress, Tracker, client_hint};

/// Known parameters that would change what a token means, and that we do not support yet: refused, not ignored.
const UNSUPPORTED: [Parameter; 3] = [Parameter::ActorToken, Parameter::ActorTokenType, Parameter::AuthorizationDetails];

/// What a client sends to be known again when it repeats a request whose answer was lost.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest time until a client should try again after a 503. Each is told another, so that not all of them come back at once.
const LONGEST_RETRY_AFTER: u64 = 5;

/// What the token endpoint works with.
#[derive(Clone)]
pub struct TokenEndpoint {
    /// The use case.
    pub service: Arc<ExchangeService>,
    /// Runs each exchange in a task of its own.
    pub tracker: Tracker,
    /// For the bodies of requests.
    pub bodies: BodyRoom,
    /// Writes answers.
    pub answers: Answers,
}

/// `POST`.
pub(super) async fn exchange(State(endpoint): State<TokenEndpoint>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
    let parameters = match parameters(&head, body, &endpoint.bodies).await {
        Ok(parameters) => parameters,
        Err(error) => return endpoint.turn_away(error, peer),
    };
    let service = Arc::clone(&endpoint.service);
    match endpoint.tracker.run(async move { service.exchange(parameters, peer).await }).await {
        Ok(answer) => endpoint.answer(answer),
        Err(not_run) => endpoint.turn_away(not_run.into(), peer),
    }
}

/// Every other method (RFC 6749 §3.2).
pub(super) async fn other_method(State(endpoint): State<TokenEndpoint>, request: Request) -> Response<Body> {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let error = OauthError::malformed(StatusCode::METHOD_NOT_ALLOWED, "method");
    let decision = endpoint.service.turned_away(Family::Malformed, error.reason, peer);
    endpoint.answers.method_error("POST", &error.with_decision(decision))
}

impl TokenEndpoint {
    fn turn_away(&self, error: OauthError, peer: Option<IpAddr>) -> Response<Body> {
        let family = if error.status.is_server_error() { Family::Unavailable } else { Family::Malformed };
        let decision = self.service.turned_away(family, error.reason, peer);
        self.answers.error(&error.with_decision(decision))
    }

    fn answer(&self, answer: Answer) -> Response<Body> {
        let error = match answer.result {
            Ok(issued) => match serde_json::to_vec(&Success::of(&issued)) {
                Ok(body) => return self.answers.token(body, answer.decision),
                Err(_) => OauthError::internal(),
            },
            Err(refusal) => oauth_error(&refusal),
        };
        self.answers.error(&error.with_decision(answer.decision))
    }
}

async fn parameters(head: &Parts, body: Body, room: &BodyRoom) -> Result<Parameters, OauthError> {
    let mut form = Form::read(head, body, room).await?;
    if let Some(error) = authentication(&form, &head.headers) {
        return Err(error);
    }
    let idempotency_key = idempotency_key(&head.headers)?;
    let hint = client_hint(&head.headers)?;
    let client_id = match (hint, form.take_one(Parameter::ClientId)) {
        (Some(user), Some(client)) if user != client => {
            return Err(OauthError::malformed(StatusCode::BAD_REQUEST, "authorization").with_detail("client_id differs"));
        }
        (user, client) => user.or(client),
    };
    Ok(Parameters {
        unsupported: UNSUPPORTED.into_iter().find(|parameter| form.has(*parameter)).map(Parameter::name),
        grant_type: form.take_one(Parameter::GrantType),
        subject_token: form.take_subject_token(),
        subject_token_type: form.take_one(Parameter::SubjectTokenType),
        requested_token_type: form.take_one(Parameter::RequestedTokenType),
        audience: form.take_all(Parameter::Audience),
        resource: form.take_all(Parameter::Resource),
        scope: form.take_one(Parameter::Scope),
        lifetime: form.take_one(Parameter::Lifetime),
        client_id,
        idempotency_key,
    })
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

/// Refuses a form that authenticates its client: we keep no secret that could be right. Two ways at once are `invalid_request` (RFC 6749
/// §5.2), unless one of them is an assertion (RFC 7521 §4.2.1).
fn authentication(form: &Form, headers: &HeaderMap) -> Option<OauthError> {
    let assertion = form.has(Parameter::ClientAssertion) || form.has(Parameter::ClientAssertionType);
    if !assertion && !form.has(Parameter::ClientSecret) {
        return None;
    }
    let (status, code) = if headers.contains_key(AUTHORIZATION) && !assertion {
        (StatusCode::BAD_REQUEST, OauthCode::InvalidRequest)
    } else {
        (StatusCode::UNAUTHORIZED, OauthCode::InvalidClient)
    };
    Some(OauthError::new(status, code, Family::Malformed.name(), "client_secret"))
}

/// The successful answer (RFC 8693 §2.2.1).
#[derive(Serialize)]
struct Success<'a> {
    access_token: &'a str,
    issued_token_type: &'static str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl<'a> Success<'a> {
    fn of(issued: &'a IssuedToken) -> Self {
        Self {
            access_token: issued.reveal(),
            issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
            token_type: "Bearer",
            expires_in: issued.expires_in().0,
            scope: issued.scopes().to_string(),
        }
    }
}

/// The one mapping from our families to OAuth's codes: RFC 6749 §5.2, and RFC 8693 §2.2.2, by which a bad or unacceptable subject token is
/// `invalid_request`. No wildcard: a new variant must be placed here.
fn oauth_error(refusal: &Refusal) -> OauthError {
    let code = match refusal {
        Refusal::Malformed(malformed) => match malformed {
            Malformed::GrantTypeUnsupported => OauthCode::UnsupportedGrantType,
            Malformed::Scope => OauthCode::InvalidScope,
            Malformed::SeveralTargets | Malformed::Target => OauthCode::InvalidTarget,
            Malformed::GrantTypeMissing
            | Malformed::Lifetime
            | Malformed::ParameterMissing(_)
            | Malformed::ParameterUnsupported(_)
            | Malformed::RequestedTokenType
            | Malformed::TokenType => OauthCode::InvalidRequest,
        },
        Refusal::Rejected(_) | Refusal::Replayed | Refusal::Fenced { .. } => OauthCode::InvalidRequest,
        Refusal::Denied(denial) => match denial {
            Denial::Scope { .. } => OauthCode::InvalidScope,
            Denial::Target { .. } => OauthCode::InvalidTarget,
            Denial::Ambiguous { .. } | Denial::Condition(_) | Denial::Lifetime { .. } | Denial::NoRelationship { .. } => {
                OauthCode::InvalidRequest
            }
        },
        Refusal::Revoked { .. } => OauthCode::InvalidRequest,
        Refusal::Unavailable(unavailable) => return OauthError::unavailable(unavailable.reason(), retry_after()),
    };
    let error = OauthError::new(StatusCode::BAD_REQUEST, code, refusal.family().name(), refusal.reason());
    let error = OauthError { retry_after: refusal.retry_after(), ..error };
    match refusal.detail() {
        Some(detail) => error.with_detail(detail),
        None => error,
    }
}

/// Between one second and [`LONGEST_RETRY_AFTER`].
fn retry_after() -> Seconds {
    let [byte] = random_bytes();
    Seconds(1 + u64::from(byte) % LONGEST_RETRY_AFTER)
}
