//! From a request to a question.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::domain::SubjectToken;
use crate::exchange::Family;
use crate::http::form::FormError;
use crate::http::{BodyRoom, ClientCertificate, Form, OauthCode, OauthError, Parameter, client_hint, presented_proof};
use crate::inspection::{AccessToken, ClientAssertion, Credentials};

use super::outcome::{Asked, BEARER, INVALID_PROOF, Scheme, no_credentials};

/// What is asked, and by whom.
pub(super) struct Question {
    pub(super) credentials: Option<Credentials>,
    pub(super) token: SubjectToken,
    pub(super) asked: Asked,
}

/// Whether the caller must say who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Who {
    /// It must.
    MustSay,
    /// Nobody is asked.
    MaySay,
}

impl Question {
    /// Reads the whole request, which was sent to this URL of ours. `token_type_hint` is read and ignored: our tokens tell what they are.
    pub(super) async fn read(head: &Parts, body: Body, room: &BodyRoom, url: &str, who: Who) -> Result<Self, OauthError> {
        let form = Form::read_inspection(head, body, room).await;
        if Form::has_query(head) {
            let credentials = head.headers.contains_key(AUTHORIZATION) || form.is_ok_and(|form| form.has(Parameter::ClientAssertion));
            // RFC 6750 §2.3: a token in the URL is no credential, whatever else is wrong with it there.
            return Err(if who == Who::MaySay || credentials { FormError::Query.into() } else { no_credentials(false) });
        }
        let mut form = form?;
        let credentials = credentials(&mut form, head, url)?;
        let by_proof = matches!(&credentials, Some(Credentials::AccessToken(shown)) if shown.proof.is_some());
        let scheme = if by_proof { Scheme::Dpop } else { Scheme::Bearer };
        let asked = Asked { scheme, tried_basic: credentials.is_none() && head.headers.contains_key(AUTHORIZATION) };
        let token = form.take_token(Parameter::Token);
        let missing = || OauthError::malformed(StatusCode::BAD_REQUEST, "parameter_missing").with_detail("token");
        Ok(Self { credentials, token: token.ok_or_else(missing)?, asked })
    }
}

/// The one way by which the caller authenticates, if it does.
fn credentials(form: &mut Form, head: &Parts, url: &str) -> Result<Option<Credentials>, OauthError> {
    let shown = head.headers.contains_key(AUTHORIZATION);
    let invalid_client = |reason| OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, "malformed", reason);
    if form.has(Parameter::ClientSecret) {
        return Err(invalid_client("client_secret").with_challenge(BEARER));
    }
    if form.has(Parameter::ClientAssertion) || form.has(Parameter::ClientAssertionType) {
        if shown || form.has(Parameter::AccessToken) {
            // RFC 7521 §4.2.1.
            return Err(invalid_client("authorization").with_detail("two ways").with_challenge(BEARER));
        }
        return Ok(Some(Credentials::Assertion(ClientAssertion {
            kind: form.take_one(Parameter::ClientAssertionType),
            assertion: form.take_token(Parameter::ClientAssertion),
            client_id: form.take_one(Parameter::ClientId),
        })));
    }
    if shown && form.has(Parameter::AccessToken) {
        // RFC 6750 §3.1.
        return Err(OauthError::malformed(StatusCode::BAD_REQUEST, "authorization").with_detail("two ways"));
    }
    access_token(head, url)
}

/// `Authorization: Bearer` or `DPoP`. A proof beside a bearer token is not looked at. A name by HTTP Basic proves nothing, and counts as no credentials.
fn access_token(head: &Parts, url: &str) -> Result<Option<Credentials>, OauthError> {
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(OauthError::malformed(StatusCode::BAD_REQUEST, "authorization").with_detail("two headers"));
    }
    let text = value.to_str().unwrap_or_default();
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return client_hint(&head.headers).map(|_| None).map_err(OauthError::from);
    }
    let proof = if scheme.eq_ignore_ascii_case("dpop") {
        let missing = || OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidDpopProof, Family::Denied.name(), "proof_required");
        let proof = presented_proof(&head.headers).map_err(|error| OauthError { status: StatusCode::UNAUTHORIZED, ..error });
        Some(proof.and_then(|proof| proof.ok_or_else(missing)).map_err(|error| error.with_challenge(INVALID_PROOF))?)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        None
    } else {
        let error = OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, "malformed", "authorization");
        return Err(error.with_detail("scheme").with_challenge(BEARER));
    };
    let certificate = head.extensions.get::<ClientCertificate>().map(|shown| shown.0);
    let token = SubjectToken::new(rest.trim_matches(' ').to_owned());
    Ok(Some(Credentials::AccessToken(AccessToken { token, proof, url: url.to_owned(), certificate })))
}
