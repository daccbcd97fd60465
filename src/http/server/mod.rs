//! Listeners: who may connect, for how long, how many at once, and how it all ends.
//!
//! Owns: TCP, TLS, deadlines, caps, the drain. Must not know: routes, or what a request means.

mod accept;
mod activity;
mod client_certificate;
mod connection;
mod listener;
mod peer;
mod seats;
mod service;
#[cfg(test)]
mod tests;
mod tls;
mod tracker;
mod transport;

use std::time::Duration;

pub use accept::{Drained, ServerHandle, serve};
pub use client_certificate::{ClientCertificate, ClientCertificates};
pub use listener::{BoundListener, ListenerError, ListenerSettings};
pub use peer::PeerAddress;
pub use tls::{TlsError, TlsFiles};
pub use tracker::{NotRun, Tracker};

/// Most bytes of one request's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;
/// Connections beyond the cap that are told so with a 503; those beyond these are dropped.
const MAX_TURNED_AWAY: usize = 64;

/// How long a connection may make us wait.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// From the accept to the first request's head, TLS handshake included; and from the first to the last byte of a later head.
    head: Duration,
    /// Between two requests. Longer than what reverse proxies keep idle connections (60 s), so that they close first.
    idle: Duration,
    /// For the peer to take a byte of what we write.
    write: Duration,
    /// How often the first two are looked at.
    tick: Duration,
}

const DEADLINES: Deadlines =
    Deadlines { head: Duration::from_secs(5), idle: Duration::from_secs(75), write: Duration::from_secs(10), tick: Duration::from_secs(1) };
