//! The server's configuration file, turned into plain settings.
//!
//! Owns: the sections of `cambist.toml`, their defaults, and references to secrets. Must not know: what the settings are for; `app`
//! fills the settings that each layer declares. No module below receives [`Settings`].
//!
//! Reading never stops at the first fault and never needs a secret: [`Secret`] is a reference until somebody calls
//! [`Secret::resolve`].

mod decisions;
mod keys;
mod listen;
mod log;
mod settings;
mod store;
mod trust;
mod tuning;
mod value;

pub use decisions::{DecisionSync, DecisionsSection, Destination};
pub use keys::{EncryptionKeys, KeysSection};
pub use listen::{ListenSection, Listener, Tls};
pub use log::LogSection;
pub use settings::Settings;
pub use store::{RedisSection, RedisUser, StoreSection};
pub use trust::TrustSection;
pub use tuning::{DpopNonce, DpopSection, RevocationSection};
pub use value::{Secret, SecretError};

/// Largest configuration file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests;
