//! The way out, against real sockets on loopback.

mod addresses;
mod guard;
pub(crate) mod server;
mod tls;
