//! The lock file: one server per database.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::files::beside;
use crate::store::StoreError;

/// An exclusive lock on `<database>.lock`, released on drop and by the kernel when the process ends however it ends.
///
/// A file of its own: SQLite's locks live on the database, and commands must be able to write there. It is never deleted, because
/// a second server could then lock a new file of that name while the first still holds the old one.
#[derive(Debug)]
pub(super) struct LockFile {
    held: File,
}

impl LockFile {
    /// Takes the lock, or refuses at once.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let file = beside(database, ".lock");
        let failed = |action, error| StoreError::Io { action, file: file.clone(), source: Arc::new(error) };
        let held =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file).map_err(|error| failed("create", error))?;
        match held.try_lock() {
            Ok(()) => Ok(Self { held }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { file }),
            Err(TryLockError::Error(error)) => Err(failed("lock", error)),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started shares the open file until it has become another program.
        let _ = self.held.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_is_free_whoever_still_holds_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("cambist.db");
        let lock = LockFile::take(&database).unwrap();
        let inherited = lock.held.try_clone().unwrap();
        assert!(matches!(LockFile::take(&database), Err(StoreError::Locked { .. })));
        drop(lock);
        LockFile::take(&database).unwrap();
        drop(inherited);
    }
}
