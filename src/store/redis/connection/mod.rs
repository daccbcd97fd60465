//! Connections to one server, which come back by themselves.
//!
//! Owns: TCP and TLS, authentication, what is in flight, deadlines of one attempt. Must not know: who is the master, what is sent.

mod connect;
mod gather;
mod link;
mod subscription;
mod tls;

pub(super) use connect::Peer;
pub(super) use link::{LANES, Link};
pub(super) use subscription::Subscription;
