//! The only HTTP out.
//!
//! Owns: the guarded fetch: no redirects, size and time caps, addresses checked when connecting, private certificate authorities; and
//! the capped reading of the small files that stand in for a fetch or belong to one. Must not know: what is fetched.

mod address;
mod cache_control;
mod client;
mod error;
mod fetch;
mod file;
mod resolver;
#[cfg(test)]
pub(crate) mod tests;

pub use address::{AddressClass, Network};
pub use client::HttpFetch;
pub use error::FetchError;
pub use fetch::{BoxFuture, Fetch, FetchRequest, FetchResponse, Outbound};
pub use file::{FileError, Unreadable, read_file};

use std::time::Duration;

/// Longest time to a connection that is ready to use: name, TCP and TLS.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Longest time of one fetch, from the name to the last byte of the body.
pub const FETCH_DEADLINE: Duration = Duration::from_secs(5);
/// Largest file of private certificate authorities, in bytes.
pub const MAX_CA_BYTES: usize = 1024 * 1024;
