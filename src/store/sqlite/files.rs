//! The files of a database: their names, their creation, and whether they are still the same.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;

/// The file of that suffix beside the database: `cambist.db` → `cambist.db-wal`.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Creates the directory of the database when it is missing, for its owner only.
pub(super) fn create_parent(database: &Path) -> Result<(), StoreError> {
    let parent = parent(database);
    if parent.is_dir() {
        return Ok(());
    }
    let created = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    created.map_err(|error| io_error("create the directory", parent, error))
}

/// Builds a database with `fill` under another name and puts it in place whole, so that a crash leaves either no file or a
/// complete one.
///
/// What a deleted database left beside it is removed first: SQLite would replay a stale write-ahead log into the new file.
pub(super) fn create_whole(database: &Path, fill: impl FnOnce(&Path) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let draft = beside(database, ".new");
    for stale in [&draft, &beside(&draft, "-journal"), &beside(database, "-wal"), &beside(database, "-shm"), &beside(database, "-journal")]
    {
        remove_if_there(stale)?;
    }
    // SQLite gives `-wal` and `-shm` the mode of the database.
    let empty = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft);
    drop(empty.map_err(|error| io_error("create", &draft, error))?);
    fill(&draft)?;
    fs::rename(&draft, database).map_err(|error| io_error("create", database, error))?;
    let parent = parent(database);
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(|error| io_error("sync the directory", parent, error))
}

/// Whether there is something at the path; a dangling symbolic link counts, because it is not ours to replace.
pub(super) fn is_there(database: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(database) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("look at", database, error)),
    }
}

/// Which files a path led to: device and inode of the database and of its write-ahead log.
///
/// An open file keeps its inode number from being used again, so equal numbers mean the same file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FileIdentity {
    database: (u64, u64),
    log: (u64, u64),
}

impl FileIdentity {
    /// Looks at the files now. Fails when one is missing.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let inode = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        Ok(Self { database: inode(database)?, log: inode(&beside(database, "-wal"))? })
    }
}

pub(super) fn io_error(action: &'static str, file: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, file: file.into(), source: Arc::new(source) }
}

fn parent(database: &Path) -> &Path {
    match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn remove_if_there(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", file, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
