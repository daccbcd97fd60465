//! Paths as configuration files write them.

use std::path::{Path, PathBuf};

/// Where relative paths start: the folder of the file that names them.
#[derive(Clone, Copy)]
pub(in crate::config) struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    /// The folder of `file`.
    pub(in crate::config) fn of(file: &'a Path) -> Self {
        Self(file.parent().unwrap_or(Path::new("")))
    }

    /// Takes a path as it was written.
    pub(in crate::config) fn parse(self, written: &str) -> Result<PathBuf, InvalidPath> {
        if written.trim().is_empty() || written.contains('\0') { Err(InvalidPath) } else { Ok(self.at(written)) }
    }

    /// A path that we write ourselves.
    pub(in crate::config) fn at(self, written: &str) -> PathBuf {
        self.0.join(written)
    }
}

/// A text is no path.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("expected a path; relative ones start at the folder of this file")]
pub(in crate::config) struct InvalidPath;
