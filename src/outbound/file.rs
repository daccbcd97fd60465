//! Small files of an issuer: certificate authorities, tokens, key sets.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// Reads a whole file on a thread that may block. It must be a regular file of at most `max_bytes`: a pipe would never end.
pub async fn read_file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    let owned = path.to_path_buf();
    match tokio::task::spawn_blocking(move || read(&owned, max_bytes)).await {
        Ok(read) => read.map_err(|why| FileError { path: path.to_path_buf(), why }),
        // Only while the runtime shuts down.
        Err(_) => Err(FileError { path: path.to_path_buf(), why: Unreadable::Io(ErrorKind::Interrupted) }),
    }
}

fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Unreadable> {
    // Asked before opening, because opening a pipe already waits.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unreadable::NotAFile);
    }
    let mut bytes = Vec::new();
    let cap = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(cap).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes { Err(Unreadable::TooLarge { max_bytes }) } else { Ok(bytes) }
}

/// A file cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} cannot be read: {why}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub why: Unreadable,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// The operating system says no.
    #[error("{0}")]
    Io(ErrorKind),
    /// A directory, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Larger than may be.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The cap, in bytes.
        max_bytes: usize,
    },
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}
