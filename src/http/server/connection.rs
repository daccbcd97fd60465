//! One connection, from the accept to the last byte.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::domain::Thumbprint;

use super::super::Answers;
use super::activity::{Activity, Verdict};
use super::client_certificate::{ClientCertificate, ClientCertificates};
use super::peer::Proxies;
use super::service::Requests;
use super::tls::Tls;
use super::transport::{Transport, Watched};
use super::{Deadlines, MAX_HEAD_BYTES, MAX_STREAMS};

/// What the connections of a listener share.
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) answers: Answers,
    pub(super) proxies: Arc<Proxies>,
    pub(super) client_certificates: ClientCertificates,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) deadlines: Deadlines,
}

/// How far the end of a listener has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It takes connections.
    Serving,
    /// Running requests may finish.
    Draining,
    /// Nothing may.
    Cut,
}

impl Shared {
    /// Serves a connection until it ends, loses its seat, the listener is cut, or a deadline has passed.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: IpAddr, activity: Arc<Activity>, phase: watch::Receiver<Phase>) {
        let requests = self.requests(Some(self.router.clone()), peer, &activity);
        self.run(stream, requests, phase).await;
    }

    /// Tells a connection beyond the cap so: a 503 for each request, and not for long.
    pub(super) async fn turn_away(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        activity: Arc<Activity>,
        phase: watch::Receiver<Phase>,
    ) {
        let requests = self.requests(None, peer, &activity);
        let until = Instant::now() + 2 * self.deadlines.head;
        // Running out of time is how a lazy one ends.
        let _ = timeout_at(until, self.run(stream, requests, phase)).await;
    }

    fn requests(&self, router: Option<Router>, socket: IpAddr, activity: &Arc<Activity>) -> Requests {
        let (answers, proxies) = (self.answers.clone(), Arc::clone(&self.proxies));
        let (client_certificates, activity) = (self.client_certificates, Arc::clone(activity));
        Requests { router, answers, proxies, client_certificates, socket, certificate: None, activity }
    }

    async fn run(&self, stream: TcpStream, requests: Requests, mut phase: watch::Receiver<Phase>) {
        let activity = Arc::clone(&requests.activity);
        let transport = tokio::select! {
            transport = timeout_at(Instant::now() + self.deadlines.head, self.handshake(stream)) => transport,
            () = activity.evicted() => return,
            _ = phase.changed() => return,
        };
        let Ok(Some(transport)) = transport else { return };
        let requests = Arc::new(Requests { certificate: shown_certificate(&transport), ..requests });
        let service = service_fn(move |request| Arc::clone(&requests).answer(request));
        let io = TokioIo::new(Watched::new(transport, Arc::clone(&activity)));
        watch_over(protocols().serve_connection(io, service), &activity, phase).await;
    }

    async fn handshake(&self, stream: TcpStream) -> Option<Transport> {
        let Some(tls) = &self.tls else { return Some(Transport::Plain(stream)) };
        let accepted = TlsAcceptor::from(tls.config()).accept(stream).await;
        accepted.ok().map(|stream| Transport::Tls(Box::new(stream)))
    }
}

/// The certificate of the handshake, whose key the client has used: without that there is no handshake. A resumed session is the one that
/// was agreed on with that key.
fn shown_certificate(transport: &Transport) -> Option<ClientCertificate> {
    let Transport::Tls(stream) = transport else { return None };
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    Some(ClientCertificate(Thumbprint::of(leaf)))
}

/// Drives a connection. Its errors are the peer's doing and end it; nothing is worth a log line that strangers could write at will.
async fn watch_over<C: GracefulConnection>(connection: C, activity: &Activity, mut phase: watch::Receiver<Phase>) {
    let mut connection = pin!(connection);
    let mut ticks = interval(activity.deadlines().tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut closing, mut handle_lives) = (None, true);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = activity.evicted() => {
                // One turn to say good-bye; the seat is somebody else's already.
                connection.as_mut().graceful_shutdown();
                let _ = timeout_at(Instant::now(), connection).await;
                return;
            }
            changed = phase.changed(), if handle_lives => {
                if *phase.borrow_and_update() == Phase::Cut {
                    return;
                }
                handle_lives = changed.is_ok();
                closing.get_or_insert_with(Instant::now);
                connection.as_mut().graceful_shutdown();
            }
            now = ticks.tick() => match activity.verdict(now) {
                Verdict::Overdue => return,
                Verdict::Idle if closing.is_none() => {
                    closing = Some(now);
                    connection.as_mut().graceful_shutdown();
                }
                Verdict::Fine | Verdict::Idle => {
                    let since = closing.filter(|_| !activity.is_busy());
                    if since.is_some_and(|since| now >= since + activity.deadlines().head) {
                        return;
                    }
                }
            },
        }
    }
}

/// What HTTP/2 lets a peer send before we have read it, in bytes: the smallest window there is (RFC 9113 §6.9.2).
const UNREAD_BYTES: u32 = 65_535;

/// HTTP/1 and HTTP/2 with our limits. The deadlines are the watchdog's: hyper's own cover neither the first byte nor HTTP/2.
fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).half_close(false).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        // What strangers can make a connection hold: 64 KiB sent and not yet read by us, over all streams; and for each of 16 streams
        // a head (16 KiB) and a small body (4 KiB): under 400 KiB. Larger bodies share `BodyRoom`, `max_in_flight` times 64 KiB for
        // the whole listener.
        .initial_stream_window_size(UNREAD_BYTES)
        .initial_connection_window_size(UNREAD_BYTES)
        .max_send_buf_size(64 * 1024);
    builder
}
