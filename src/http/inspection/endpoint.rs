//! Extracts, calls, answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::request::Parts;

use crate::domain::IssuerUrl;
use crate::http::{Answers, BodyRoom, OauthCode, OauthError, PeerAddress, Tracker, give_nonce, give_remaining};
use crate::inspection::{Inspection, Introspected, Refused, Revoked};
use crate::limits::{Limits, Remaining};

use super::outcome::{Asked, Told, oauth_error};
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
    let admitted = match endpoint.admit(request) {
        Ok(admitted) => admitted,
        Err(error) => return endpoint.refuse("introspect", &error),
    };
    let remaining = admitted.remaining;
    let mut response = endpoint.introspect(admitted).await;
    give_remaining(&mut response, remaining);
    response
}

/// `POST`: a token counts for nothing from now on.
pub(in crate::http) async fn revoke(State(endpoint): State<InspectionEndpoints>, request: Request) -> Response<Body> {
    let admitted = match endpoint.admit(request) {
        Ok(admitted) => admitted,
        Err(error) => return endpoint.refuse("revoke", &error),
    };
    let remaining = admitted.remaining;
    let mut response = endpoint.revoke(admitted).await;
    give_remaining(&mut response, remaining);
    response
}

/// Every other method.
pub(in crate::http) async fn other_method(State(endpoint): State<InspectionEndpoints>) -> Response<Body> {
    endpoint.answers.method_not_allowed("POST")
}

/// A request of a peer that is within its limit, unread.
struct Admitted {
    head: Parts,
    body: Body,
    peer: Option<IpAddr>,
    remaining: Option<Remaining>,
}

impl InspectionEndpoints {
    fn admit(&self, request: Request) -> Result<Admitted, OauthError> {
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
        let remaining = self.limits.admit_peer(peer).map_err(OauthError::limited)?;
        Ok(Admitted { head, body, peer, remaining })
    }

    async fn introspect(&self, Admitted { head, body, peer, .. }: Admitted) -> Response<Body> {
        let question = match Question::read(&head, body, &self.bodies, &self.issuer.join("/introspect"), Who::MustSay).await {
            Ok(question) => question,
            Err(error) => return self.refuse("introspect", &error),
        };
        let (service, asked) = (Arc::clone(&self.service), question.asked);
        let asking = self.tracker.run(async move { service.introspect(question.credentials, question.token, peer).await });
        let told = match asking.await {
            Ok(Ok(told)) => told,
            Ok(Err(refused)) => return self.refused("introspect", refused, asked),
            Err(not_run) => return self.refuse("introspect", &not_run.into()),
        };
        let Ok(body) = serde_json::to_vec(&Told(&told)) else { return self.refuse("introspect", &OauthError::internal()) };
        self.note("introspect", if matches!(told, Introspected::Active(_)) { "active" } else { "inactive" });
        self.answers.introspection(body)
    }

    async fn revoke(&self, Admitted { head, body, peer, .. }: Admitted) -> Response<Body> {
        let question = match Question::read(&head, body, &self.bodies, &self.issuer.join("/revoke"), Who::MaySay).await {
            Ok(question) => question,
            Err(error) => return self.refuse("revoke", &error),
        };
        let (service, asked) = (Arc::clone(&self.service), question.asked);
        let revoking = self.tracker.run(async move { service.revoke(question.credentials, question.token, peer).await });
        match revoking.await {
            Ok(Ok(revoked)) => {
                self.note("revoke", if revoked == Revoked::Now { "revoked" } else { "nothing" });
                self.answers.done()
            }
            Ok(Err(refused)) => self.refused("revoke", refused, asked),
            Err(not_run) => self.refuse("revoke", &not_run.into()),
        }
    }

    fn note(&self, endpoint: &'static str, outcome: &'static str) {
        (self.observe)(InspectionObserved { endpoint, outcome, reason: "" });
    }

    fn refuse(&self, endpoint: &'static str, error: &OauthError) -> Response<Body> {
        (self.observe)(InspectionObserved { endpoint, outcome: error.family, reason: error.reason });
        self.error(error)
    }

    /// Metrics learn the reason also where the caller does not.
    fn refused(&self, endpoint: &'static str, refused: Refused, asked: Asked) -> Response<Body> {
        (self.observe)(InspectionObserved { endpoint, outcome: refused.family().name(), reason: refused.reason() });
        self.error(&oauth_error(refused, asked))
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
