//! The files of the trust directory.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::document::Diagnostics;
use crate::domain::{Digest256, Timestamp};

/// Largest trust file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Deepest folder below the trust directory.
const MAX_DEPTH: usize = 16;

/// Which files there are, and what the file system says of them. Equal listings of settled files mean equal contents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Listing {
    /// Sorted by path.
    pub(super) files: Vec<ListedFile>,
}

/// One file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ListedFile {
    pub(super) path: PathBuf,
    /// What it really is, behind all symbolic links: swapping a link changes this.
    real: PathBuf,
    stamp: Stamp,
}

/// What changes when somebody writes a file, or puts another in its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Listing {
    /// Lists every `*.toml` below the directory.
    ///
    /// Names that start with a dot are skipped: in a mounted Kubernetes volume `..data` and what it points to hold the same files as
    /// the links beside them. A file that two names lead to is listed once, under the first.
    pub(super) fn of(directory: &Path, diagnostics: &Diagnostics) -> Self {
        let mut walk = Walk { files: Vec::new(), seen: HashSet::new(), diagnostics };
        walk.folder(directory, 0);
        let mut files = walk.files;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut real = HashSet::new();
        files.retain(|file| real.insert(file.real.clone()));
        Self { files }
    }

    /// Whether a file changed so lately that another change might leave the same stamps: file systems count in ticks.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let lately = i64::try_from(now.unix().saturating_sub(2)).unwrap_or(i64::MAX);
        self.files.iter().any(|file| file.stamp.modified.0 >= lately || file.stamp.changed.0 >= lately)
    }
}

struct Walk<'w> {
    files: Vec<ListedFile>,
    /// The real folders that were entered: links may form a loop.
    seen: HashSet<PathBuf>,
    diagnostics: &'w Diagnostics,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            self.diagnostics.error(format!("{}: folders nest deeper than {MAX_DEPTH}", folder.display()));
            return;
        }
        let entries = fs::canonicalize(folder)
            .and_then(|real| if self.seen.insert(real) { fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>() } else { Ok(Vec::new()) });
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, &error),
        };
        let mut paths: Vec<_> = entries.iter().filter(|entry| !is_hidden(&entry.file_name())).map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            self.entry(path, depth);
        }
    }

    fn entry(&mut self, path: PathBuf, depth: usize) {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Something that is no trust file may come and go as it likes.
            Err(_) if !is_toml => return,
            Err(error) => return self.unreadable(&path, &error),
        };
        if metadata.is_dir() {
            return self.folder(&path, depth + 1);
        }
        if !is_toml {
            return;
        }
        if !metadata.is_file() {
            self.diagnostics.error(format!("{}: not a regular file; a trust file is one", path.display()));
            return;
        }
        match fs::canonicalize(&path) {
            Ok(real) => self.files.push(ListedFile { path, real, stamp: Stamp::of(&metadata) }),
            Err(error) => self.unreadable(&path, &error),
        }
    }

    fn unreadable(&self, path: &Path, error: &io::Error) {
        self.diagnostics
            .error(format!("{}: cannot be read: {error}; check that it is there and that this server may read it", path.display()));
    }
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

impl ListedFile {
    /// Reads the file; what cannot be read is reported.
    pub(super) fn read(&self, diagnostics: &Diagnostics) -> Option<String> {
        let path = self.path.display();
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            diagnostics.error(format!("{path}: cannot be read: {error}; check that it is there and that this server may read it"));
            return None;
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
            diagnostics.error(format!("{path}: larger than 64 MiB; split it into several files"));
            return None;
        }
        let text = String::from_utf8(bytes);
        if text.is_err() {
            diagnostics.error(format!("{path}: not UTF-8; save it in that encoding"));
        }
        text.ok()
    }

    /// Names the file and its contents.
    pub(super) fn digest(&self, text: &str) -> Digest256 {
        let name = self.path.as_os_str().as_encoded_bytes();
        Digest256::of_parts(&[Digest256::of(name).as_bytes(), text.as_bytes()])
    }
}
