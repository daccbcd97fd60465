//! Extracts, calls, answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};

use crate::domain::IssuerUrl;
use crate::exchange::{Answer, AssertionProfile, ExchangeService, Family};
use crate::http::{Answers, BodyRoom, OauthCode, OauthError, PeerAddress, Tracker, give_nonce, give_remaining};
use crate::limits::Limits;

use super::outcome::{Success, oauth_error};
use super::parameters::{Address, parameters};

/// What the token endpoint works with.
pub struct TokenEndpoint {
    /// Whose endpoint this is.
    pub issuer: IssuerUrl,
    /// The use case.
    pub service: Arc<ExchangeService>,
    /// Runs each exchange in a task of its own.
    pub tracker: Tracker,
    /// How much one peer may ask for.
    pub limits: Arc<Limits>,
    /// For the bodies of requests.
    pub bodies: BodyRoom,
    /// Writes answers.
    pub answers: Answers,
}

/// `POST`.
pub(in crate::http) async fn exchange(State(endpoint): State<Arc<TokenEndpoint>>, request: Request) -> Response<Body> {
    endpoint.exchange(request, Address::Standard).await
}

/// `POST`, where scopes are written `<audience>/.default`.
pub(in crate::http) async fn exchange_default_scope(
    State(endpoint): State<Arc<TokenEndpoint>>,
    tenant: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response<Body> {
    // A segment that is no text has no name either.
    let tenant = tenant.map(|Path(tenant)| tenant).unwrap_or_default();
    endpoint.exchange(request, Address::BelowTenant(tenant)).await
}

/// Every other method (RFC 6749 §3.2).
pub(in crate::http) async fn other_method(State(endpoint): State<Arc<TokenEndpoint>>, request: Request) -> Response<Body> {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let error = OauthError::malformed(StatusCode::METHOD_NOT_ALLOWED, "method");
    let decision = endpoint.service.turned_away(Family::Malformed, error.reason, peer);
    endpoint.answers.method_error("POST", &error.with_decision(decision))
}

impl TokenEndpoint {
    async fn exchange(&self, request: Request, address: Address) -> Response<Body> {
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
        let remaining = match self.limits.admit_peer(peer) {
            Ok(remaining) => remaining,
            Err(limited) => return self.turn_away(OauthError::limited(limited), peer),
        };
        let mut response = self.admitted(&head, body, peer, &address).await;
        give_remaining(&mut response, remaining);
        response
    }

    async fn admitted(&self, head: &Parts, body: Body, peer: Option<IpAddr>, address: &Address) -> Response<Body> {
        let profile = address.profile();
        let parameters = match parameters(head, body, &self.bodies, (&self.issuer, address)).await {
            Ok(parameters) => parameters,
            Err(error) => return self.turn_away(error, peer),
        };
        let service = Arc::clone(&self.service);
        // Made where it stays: it is large, and would be copied with every future around it.
        let work = Box::pin(async move { service.exchange(parameters, peer).await });
        match self.tracker.run(work).await {
            Ok(answer) => self.answer(answer, profile),
            Err(not_run) => self.turn_away(not_run.into(), peer),
        }
    }

    fn turn_away(&self, error: OauthError, peer: Option<IpAddr>) -> Response<Body> {
        let error = self.count_failure(error, peer);
        // The record says what the answer says.
        let family = [Family::Limited, Family::Rejected, Family::Unavailable].into_iter().find(|family| family.name() == error.family);
        let family = family.unwrap_or(Family::Malformed);
        let decision = self.service.turned_away(family, error.reason, peer);
        self.answers.error(&error.with_decision(decision))
    }

    /// Whoever tries secrets, of which there are none, is told to stop trying (RFC 6749 §2.3.1).
    fn count_failure(&self, error: OauthError, peer: Option<IpAddr>) -> OauthError {
        let failed = error.code == OauthCode::InvalidClient && peer.is_some();
        let limited = failed.then(|| self.limits.note_failure(peer).err()).flatten();
        limited.map_or(error, OauthError::limited)
    }

    fn answer(&self, answer: Answer, profile: AssertionProfile) -> Response<Body> {
        let (decision, grant) = (answer.decision, answer.grant);
        let refused = |error: OauthError| self.answers.error(&error.with_decision(decision));
        let success = |issued| match profile {
            AssertionProfile::Standard => Success::of(issued, grant),
            AssertionProfile::DefaultScope => Success::of_default_scope(issued, grant),
        };
        let mut response = match answer.result {
            Ok(issued) => match success(&issued).json() {
                Ok(body) => self.answers.token(body, decision),
                Err(_) => refused(OauthError::internal()),
            },
            Err(refusal) => refused(oauth_error(&refusal, grant)),
        };
        if let Some(nonce) = answer.nonce {
            give_nonce(&mut response, &nonce);
        }
        response
    }
}
