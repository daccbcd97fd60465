//! Why the key ring cannot be wrapped or unwrapped, in sentences for administrators.

use std::io;
use std::path::PathBuf;

/// The key ring at rest, or the files of its encryption keys, cannot be used. Holds names and places, never keys.
#[derive(Debug, thiserror::Error)]
pub enum AtRestError {
    /// The wrapped ring is not what we wrote.
    #[error("the key ring in the store is damaged ({0}); restore the store from a backup")]
    Damaged(&'static str),
    /// The operating system refused.
    #[error("cannot {action} the encryption key {}: {source}", file.display())]
    Io {
        /// What was tried: `create`, `read`.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// What was read is no key.
    #[error("{origin} holds no encryption key: 32 random bytes in base64url are expected, 43 characters; make one with {MAKE_ONE}")]
    Malformed {
        /// Where it was read: the file, or the name that the configuration gave it.
        origin: Box<str>,
    },
    /// A file is not there.
    #[error(
        "the encryption key {} does not exist; restore it from a backup, because the signing keys in the store cannot be read without \
         it. For a new store make one: {MAKE_ONE}", file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The configuration names none.
    #[error("no encryption key is configured: name at least one in `[keys] encryption_keys`")]
    NoneConfigured,
    /// Others may read the file.
    #[error("the encryption key {} can be used by others (mode {mode:04o}); run `chmod 600 {}`", file.display(), file.display())]
    TooOpen {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The ring is wrapped under a key that is not configured.
    #[error(
        "the key ring is wrapped under the encryption key with thumbprint {kid}, which is none of those in \
         `[keys] encryption_keys`; add it there. If it is lost, `cambist store init --accept-loss` begins anew"
    )]
    UnknownKey {
        /// The thumbprint (RFC 7638) of that key.
        kid: Box<str>,
    },
    /// The crypto provider refused.
    #[error("the crypto provider could not wrap the key ring")]
    Wrap,
}

const MAKE_ONE: &str = "`openssl rand -base64 32 | tr '+/' '-_' | tr -d '='`";
