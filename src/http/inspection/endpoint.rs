//! Extracts, calls, answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;

use crate::domain::IssuerUrl;
use crate::http::{Answers, BodyRoom, OauthCode, OauthError, PeerAddress, Tracker, give_nonce};
use crate::inspection::{Inspection, Introspected, Refused, Revoked};
use crate::limits::Limits;

use super::outcome::{Told, oauth_error};
use super::question::{Question, Who};

/// What the two endpoints work with.
#[derive(Clone)]
pub struct InspectionEndpoints {
    /// Whose endpoints these are.
    pub issuer: IssuerUrl,
    /// The use cases.
    pub service: Arc<Inspection>,
    /// Runs each request in a task of its own.
    pub tracker: Tracker,
    /// How much one peer may ask for.
    pub limits: Arc<Limits>,
    /// For the bodies of requests.
    pub bodies: BodyRoom,
    /// Writes answers.
    pub answers: Answers,
    /// Told of every request, after it is over.
    pub observe: Arc<dyn Fn(InspectionObserved) + Send + Sync>,
}

/// What a request came to, for metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InspectionObserved {
    /// `introspect` or `revoke`.
    pub endpoint: &'static str,
    /// `active` or `inactive`; `revoked` or `nothing`; or the family of failure.
    pub outcome: &'static str,
    /// The stable reason of a failure.
    pub reason: &'static str,
}

/// `POST`: what is known of a token.
pub(in crate::http) async fn introspect(State(endpoint): State<InspectionEndpoints>, request: Request) -> Response<Body> {
    let (question, peer) = match endpoint.question(request, "/introspect", Who::MustSay).await {
        Ok(read) => read,
        Err(error) => return endpoint.refuse("introspect", &error),
    };
    let service = Arc::clone(&endpoint.service);
    let asking = endpoint.tracker.run(async move { service.introspect(question.credentials, question.token, peer).await });
    let told = match asking.await {
        Ok(Ok(told)) => told,
        Ok(Err(refused)) => return endpoint.refused("introspect", refused),
        Err(not_run) => return endpoint.refuse("introspect", &not_run.into()),
    };
    let Ok(body) = serde_json::to_vec(&Told(&told)) else { return endpoint.refuse("introspect", &OauthError::internal()) };
    endpoint.note("introspect", if matches!(told, Introspected::Active(_)) { "active" } else { "inactive" });
    endpoint.answers.introspection(body)
}

/// `POST`: a token counts for nothing from now on.
pub(in crate::http) async fn revoke(State(endpoint): State<InspectionEndpoints>, request: Request) -> Response<Body> {
    let (question, peer) = match endpoint.question(request, "/revoke", Who::MaySay).await {
        Ok(read) => read,
        Err(error) => return endpoint.refuse("revoke", &error),
    };
    let service = Arc::clone(&endpoint.service);
    let revoking = endpoint.tracker.run(async move { service.revoke(question.credentials, question.token, peer).await });
    match revoking.await {
        Ok(Ok(revoked)) => {
            endpoint.note("revoke", if revoked == Revoked::Now { "revoked" } else { "nothing" });
            endpoint.answers.done()
        }
        Ok(Err(refused)) => endpoint.refused("revoke", refused),
        Err(not_run) => endpoint.refuse("revoke", &not_run.into()),
    }
}

/// Every other method.
pub(in crate::http) async fn other_method(State(endpoint): State<InspectionEndpoints>) -> Response<Body> {
    endpoint.answers.method_not_allowed("POST")
}

impl InspectionEndpoints {
    async fn question(&self, request: Request, path: &str, who: Who) -> Result<(Question, Option<IpAddr>), OauthError> {
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
        self.limits.admit_peer(peer).map_err(OauthError::limited)?;
        Ok((Question::read(&head, body, &self.bodies, &self.issuer.join(path), who).await?, peer))
    }

    fn note(&self, endpoint: &'static str, outcome: &'static str) {
        (self.observe)(InspectionObserved { endpoint, outcome, reason: "" });
    }

    fn refuse(&self, endpoint: &'static str, error: &OauthError) -> Response<Body> {
        (self.observe)(InspectionObserved { endpoint, outcome: error.family, reason: error.reason });
        self.error(error)
    }

    /// Metrics learn the reason also where the caller does not.
    fn refused(&self, endpoint: &'static str, refused: Refused) -> Response<Body> {
        (self.observe)(InspectionObserved { endpoint, outcome: refused.family().name(), reason: refused.reason() });
        self.error(&oauth_error(refused))
    }

    fn error(&self, error: &OauthError) -> Response<Body> {
        let mut response = self.answers.error(error);
        if error.code == OauthCode::UseDpopNonce
            && let Some(nonce) = self.service.nonce()
        {
            give_nonce(&mut response, &nonce);
        }
        response
    }
}
