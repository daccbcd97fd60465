//! The server's configuration file, turned into plain settings.
//!
//! Owns: the sections of `cambist.toml`, their defaults, and references to secrets. Must not know: what the settings are for; `app`
//! fills the settings that each layer declares. No module below receives [`Settings`].
//!
//! Reading never stops at the first fault and never needs a secret: [`Secret`] is a reference until somebody calls
//! [`Secret::resolve`].

mod decisions;
mod guards;
mod keys;
mod listen;
mod log;
mod path;
mod secret;
mod settings;
mod store;
mod trust;

pub use decisions::{DecisionSync, DecisionsSection, Destination};
pub use guards::{DpopNonce, DpopSection, RevocationSection};
pub use keys::{EncryptionKeys, KeysSection};
pub use listen::{ListenSection, Listener, Tls};
pub use log::LogSection;
pub use secret::{Secret, SecretError};
pub use settings::Settings;
pub use store::{RedisSection, RedisUser, StoreSection};
pub use trust::TrustSection;

/// Largest configuration file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
