//! What happens around each request, whatever its route.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tower::ServiceExt as _;

use crate::domain::Seconds;

use super::super::{Answers, OauthError};
use super::activity::Activity;
use super::client_certificate::{ClientCertificate, ClientCertificates, UnreadableCertificate, strip, take_forwarded};
use super::peer::Proxies;

/// Answers the requests of one connection.
pub(super) struct Requests {
    /// `None` on a connection beyond the cap: each request gets a 503.
    pub(super) router: Option<Router>,
    pub(super) answers: Answers,
    pub(super) proxies: Arc<Proxies>,
    pub(super) client_certificates: ClientCertificates,
    pub(super) socket: IpAddr,
    /// What the handshake has proven.
    pub(super) certificate: Option<ClientCertificate>,
    pub(super) activity: Arc<Activity>,
}

impl Requests {
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let running = self.activity.begin(request.version());
        let http1 = request.version() < Version::HTTP_2;
        let ends = self.router.is_none() || ends_connection(&request);
        let mut response = self.respond(request).await;
        let status = response.status();
        let closes = http1 && (ends || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE));
        if closes {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        running.answered(status, closes);
        Ok(response)
    }

    async fn respond(&self, mut request: Request<Incoming>) -> Response<Body> {
        // Without a seat nothing may begin: the connection is about to be dropped, and the token would be spent for nobody.
        let Some(router) = self.router.as_ref().filter(|_| !self.activity.is_evicted()) else {
            return self.answers.error(&OauthError::unavailable("overloaded", Seconds(1)));
        };
        // RFC 9112 §3.2. Nothing of ours reads it; a proxy and we must not disagree about the request either.
        if request.version() == Version::HTTP_11 && request.headers().get_all(HOST).iter().count() != 1 {
            return self.answers.error(&OauthError::malformed(StatusCode::BAD_REQUEST, "host_header"));
        }
        let peer = self.proxies.peer(self.socket, request.headers());
        request.extensions_mut().insert(peer);
        let Ok(certificate) = self.certificate(&mut request) else {
            return self.answers.error(&OauthError::malformed(StatusCode::BAD_REQUEST, "client_certificate_header"));
        };
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        match unwinding(router.clone().oneshot(request.map(Body::new))).await {
            Some(Ok(response)) => response,
            None => self.answers.error(&OauthError::internal()),
        }
    }
}

impl Requests {
    /// The certificate of the client: from the handshake, or from a proxy where that is believed. Every peer of such a listener is a proxy.
    fn certificate(&self, request: &mut Request<Incoming>) -> Result<Option<ClientCertificate>, UnreadableCertificate> {
        if self.client_certificates == ClientCertificates::FromProxy {
            return take_forwarded(request.headers_mut());
        }
        strip(request.headers_mut());
        Ok(self.certificate)
    }
}

/// Whether nothing may follow this request on its connection: HTTP/1.0, and every body with a transfer coding. A request with both
/// `Transfer-Encoding` and `Content-Length` reaches us without the latter (RFC 9112 §6.1 demands the close); what a proxy that
/// believed the length would take for the next request is never read as one.
fn ends_connection(request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_10 || request.headers().contains_key(TRANSFER_ENCODING)
}

/// `None` when it panics: a fault in one request ends that request only.
async fn unwinding<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        polled.map_or_else(
            |_| {
                tracing::error!("a request panicked; this is a fault in cambist");
                Poll::Ready(None)
            },
            |polled| polled.map(Some),
        )
    })
    .await
}
