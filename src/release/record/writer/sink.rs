//! The open file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::super::Head;
use super::LogPlace;
use super::anchor;
use super::tail::Tail;

/// An open place for lines.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// A regular file can be read back, locked, and brought to the disk.
    regular: bool,
}

impl Sink {
    pub(super) fn open(place: &LogPlace) -> io::Result<Self> {
        match place {
            LogPlace::File(path) => Self::open_file(path),
            LogPlace::StandardOutput => {
                // Not `io::Stdout`: its buffer would turn one write into several.
                let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                Ok(Self { file, regular: false })
            }
        }
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory.filter(|directory| !directory.exists()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let new = !path.exists();
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let regular = file.metadata()?.is_file();
        if regular {
            lock(&file)?;
        }
        if new {
            // The name of the file must survive a power failure as well as its content.
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Self { file, regular })
    }

    pub(super) fn is_regular(&self) -> bool {
        self.regular
    }

    /// How the file ends; `None` when that cannot be read.
    pub(super) fn tail(&self) -> io::Result<Option<Tail>> {
        if self.regular { Tail::read(&self.file).map(Some) } else { Ok(None) }
    }

    /// Whether the file continues, without a break, what had `kept` as its head.
    pub(super) fn leads_from(&self, kept: &Head) -> io::Result<bool> {
        anchor::leads_from(kept, &self.file)
    }

    /// Whether others than its owner may change the file, or strangers read it.
    pub(super) fn is_loose(&self) -> io::Result<bool> {
        Ok(self.regular && self.file.metadata()?.permissions().mode() & 0o027 != 0)
    }

    /// Writes all bytes, in one `write(2)` where the system takes them at once. On failure also says how many were taken.
    pub(super) fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut accepted = 0;
        while accepted < bytes.len() {
            match self.file.write(&bytes[accepted..]) {
                Ok(0) => return (accepted, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => accepted += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (accepted, Err(error)),
            }
        }
        (accepted, Ok(()))
    }

    /// Brings the content to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.regular { self.file.sync_data() } else { Ok(()) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.regular {
            // Closing is not enough: a process that is just being started shares the open file until it has become another program.
            let _ = self.file.unlock();
        }
    }
}

/// Two writers would tear the chain apart.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing it")),
        // Some network file systems know no locks; the store's own lock still keeps a second server away.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
