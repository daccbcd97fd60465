//! The lock file: one server per database.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::StoreError;
use super::files::beside;

/// An exclusive lock on `<database>.lock`, released on drop and by the kernel when the process ends however it ends.
///
/// A file of its own: SQLite's locks live on the database, and commands must be able to write there. It is never deleted, because
/// a second server could then lock a new file of that name while the first still holds the old one.
#[derive(Debug)]
pub(super) struct LockFile {
    _held: File,
}

impl LockFile {
    /// Takes the lock, or refuses at once.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let file = beside(database, ".lock");
        let failed = |action, error| StoreError::Io { action, file: file.clone(), source: Arc::new(error) };
        let held =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file).map_err(|error| failed("create", error))?;
        match held.try_lock() {
            Ok(()) => Ok(Self { _held: held }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { file }),
            Err(TryLockError::Error(error)) => Err(failed("lock", error)),
        }
    }
}
