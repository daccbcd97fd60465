//! Whom we trust, and where their keys are.
//!
//! Owns: trusted issuers of both kinds, discovery, bundles, the key cache. Must not know: trust relationships, issuing.

mod budget;
mod clients;
mod discovery;
mod key_cache;
mod key_source;
mod key_state;
mod landing;
mod moment;
mod registry;
mod settings;
#[cfg(test)]
mod tests;
mod trusted;

pub use clients::{ClientSettings, Clients};
pub use registry::Issuers;
pub use settings::{IssuerSettings, KeySource};
pub use trusted::{IssuerHealth, KeysError, TrustedIssuer};

use std::time::Duration;

/// Largest discovery document, in bytes.
pub const MAX_DISCOVERY_BYTES: usize = 64 * 1024;
/// Longest token for an issuer's own endpoints, in bytes.
pub const MAX_DISCOVERY_TOKEN_BYTES: usize = 16 * 1024;

/// Keys stay fresh as long as the issuer says, within these bounds; without a word of it, for the longest. With the refresh before an
/// overdue set is used, the longest is also how long a key that the issuer removed can still be accepted.
pub const FRESH_FOR: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(15 * 60);
/// The same for a SPIFFE bundle that gives no `spiffe_refresh_hint` (SPIFFE Trust Domain and Bundle §4.1.2).
pub const BUNDLE_FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// A key set in a file costs next to nothing to read: it is fresh for this long.
pub const FILE_FRESH_FOR: Duration = Duration::from_secs(2);
/// How long after the last good answer its keys may be used while the issuer cannot be asked.
pub const STALE_IF_ERROR: Duration = Duration::from_secs(12 * 60 * 60);
/// How long after a failure the next scheduled refresh may start.
pub const RETRY_PAUSE: Duration = Duration::from_secs(30);
/// How long after a failure overdue keys are used without asking first: nobody waits for an issuer that is known to be down.
pub const FAILURE_EXCUSES: Duration = Duration::from_secs(60);
/// How far apart the two readings must be that make an empty key set believed.
pub const EMPTY_CONFIRMED_AFTER: Duration = Duration::from_secs(60);
/// Requests that may wait for an issuer's keys at once; further ones are answered `issuer_keys_unavailable`. So an issuer that does not
/// answer cannot occupy all exchanges: half of `max_in_flight` as it is by default.
pub const MAX_WAITING: usize = 128;
/// Refreshes that unknown keys may cause at once.
pub const DEMAND_BURST: u32 = 3;
/// How long until they may cause one more.
pub const DEMAND_INTERVAL: Duration = Duration::from_secs(30);
/// How long after its last use an issuer's keys are still kept fresh without requests.
pub const KEPT_WARM_FOR: Duration = Duration::from_secs(60 * 60);
