//! One connection to a server or a Sentinel.

mod gather;
mod open;
mod tls;

pub(super) use open::{Connection, Peer, Shared};
