//! The accept loop and its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::Answers;
use super::MAX_TURNED_AWAY;
use super::activity::Activity;
use super::connection::{Phase, Shared};
use super::listener::BoundListener;
use super::seats::Seats;
use super::tracker::Tracker;

/// Serves the router on a bound listener, in tasks of its own, until the handle is drained or dropped.
///
/// Each request carries the extension [`super::PeerAddress`], and where a certificate was shown, [`super::ClientCertificate`]. The drain waits for the work of `tracker`, which is the one that the
/// router's handlers run their exchanges in.
#[must_use]
pub fn serve(listener: BoundListener, router: Router, answers: Answers, tracker: Tracker) -> ServerHandle {
    let (phase, seen) = watch::channel(Phase::Serving);
    let local_address = listener.local_address;
    let tls = listener.tls.map(Arc::new);
    if let Some(tls) = &tls {
        let (watching, mut seen) = (Arc::clone(tls).watch(), seen.clone());
        tokio::spawn(async move {
            tokio::select! { () = watching => {}, _ = seen.changed() => {} }
        });
    }
    let behind_proxy = !listener.proxies.is_empty();
    let shared = Shared {
        router,
        answers,
        proxies: Arc::new(listener.proxies),
        client_certificates: listener.client_certificates,
        tls,
        deadlines: listener.deadlines,
    };
    let door = Door {
        shared: Arc::new(shared),
        seats: Seats::new(listener.max_connections, behind_proxy),
        turned_away: Arc::new(Semaphore::new(MAX_TURNED_AWAY)),
        refused_somebody: false,
    };
    tokio::spawn(door.accept(listener.tcp, seen));
    ServerHandle { phase, local_address, tracker }
}

/// A running server. Dropped, it takes no more connections, and those it has end with their running requests.
#[derive(Debug)]
pub struct ServerHandle {
    phase: watch::Sender<Phase>,
    local_address: SocketAddr,
    tracker: Tracker,
}

impl ServerHandle {
    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Stops accepting at once, lets running requests and exchanges finish, and cuts connections that are left at the deadline.
    /// Exchanges are never cancelled: what still runs then is reported.
    pub async fn drain(self, deadline: Duration) -> Drained {
        let until = Instant::now() + deadline;
        self.phase.send_replace(Phase::Draining);
        let requests = timeout_at(until, self.phase.closed()).await.is_ok();
        if !requests {
            self.phase.send_replace(Phase::Cut);
            // Each connection needs one turn of its task to end.
            let _ = timeout(Duration::from_secs(1), self.phase.closed()).await;
        }
        Drained { requests, exchanges: self.tracker.drain(until).await }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drained {
    /// Every connection ended by itself; otherwise some were cut.
    pub requests: bool,
    /// Every exchange ended; otherwise some still ran.
    pub exchanges: bool,
}

struct Door {
    shared: Arc<Shared>,
    seats: Arc<Seats>,
    turned_away: Arc<Semaphore>,
    refused_somebody: bool,
}

impl Door {
    async fn accept(mut self, tcp: TcpListener, mut phase: watch::Receiver<Phase>) {
        loop {
            let accepted = tokio::select! {
                accepted = tcp.accept() => accepted,
                _ = phase.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &phase),
                Err(error) if is_peers_fault(&error) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would only burn the processor.
                    tracing::error!(error = %error, "cannot accept connections");
                    tokio::select! { () = sleep(ACCEPT_PAUSE) => {}, _ = phase.changed() => return }
                }
            }
        }
    }

    /// Gives the connection a seat, a refusal, or nothing: a stranger where proxies are named is not read at all.
    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, phase: &watch::Receiver<Phase>) {
        if !self.shared.proxies.admits(peer.ip()) {
            if !std::mem::replace(&mut self.refused_somebody, true) {
                tracing::warn!(peer.address = %peer.ip(), "refused a peer that is not in `behind_proxy`; further ones are not logged");
            }
            return;
        }
        // It fails for a socket that is gone already.
        let _ = stream.set_nodelay(true);
        let (shared, phase) = (Arc::clone(&self.shared), phase.clone());
        let activity = Activity::new(shared.deadlines, Instant::now());
        if let Some(seat) = self.seats.take(peer.ip(), &activity) {
            tokio::spawn(async move {
                shared.serve(stream, peer.ip(), activity, phase).await;
                drop(seat);
            });
        } else if let Ok(place) = Arc::clone(&self.turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                shared.turn_away(stream, peer.ip(), activity, phase).await;
                drop(place);
            });
        }
    }
}

/// Errors of one connection that ended before we took it.
fn is_peers_fault(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// How long we wait when the operating system gives us no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
