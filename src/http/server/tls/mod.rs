//! TLS of a listener.
//!
//! Owns: our certificate and its renewal, and what the handshake proves about a client's. Must not know: connections and requests.

mod offer;
mod possession;

#[cfg(test)]
pub(super) use offer::Reload;
pub(super) use offer::Tls;
pub use offer::{TlsError, TlsFiles};
