//! Everything secret that a test run makes, and everything it logs: `make test` ends by looking for the one in the other.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, Once, OnceLock};

/// The folder for logs at trace level and for the list of what must not be in them.
pub(crate) struct Trail;

impl Trail {
    pub(crate) fn folder() -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-trail");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// The name of a new file for a log.
    pub(crate) fn new_file(name: &str) -> PathBuf {
        let unique = cambist::domain::random_bytes::<4>();
        Self::folder().join(format!("{name}-{}-{:08x}.log", std::process::id(), u32::from_be_bytes(unique)))
    }

    /// A file for the output of one process.
    pub(crate) fn log_file(name: &str) -> File {
        OpenOptions::new().create(true).append(true).open(Self::new_file(name)).unwrap()
    }

    /// Notes a token: its signature must never be logged, and nothing of a handle.
    pub(crate) fn token(token: &str) {
        if token.starts_with("cmb_") {
            Self::secret(token);
        }
        if let Some((_, signature)) = token.rsplit_once('.')
            && signature.len() >= 32
        {
            Self::secret(signature);
        }
    }

    /// Notes a secret, of at least 16 characters.
    pub(crate) fn secret(secret: &str) {
        static SECRETS: OnceLock<Mutex<File>> = OnceLock::new();
        let file = SECRETS.get_or_init(|| {
            let path = Self::folder().join(format!("{}.secrets", std::process::id()));
            Mutex::new(OpenOptions::new().create(true).append(true).open(path).unwrap())
        });
        writeln!(file.lock().unwrap(), "{secret}").unwrap();
    }

    /// Sends this process's own log, at trace level, to a file of the trail.
    pub(crate) fn follow() {
        static FOLLOWED: Once = Once::new();
        FOLLOWED.call_once(|| {
            let file = Self::log_file("it");
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Mutex::new(file)).init();
        });
    }
}
