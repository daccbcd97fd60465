//! Secrets by reference.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::document::{Kind, Value};

use super::path::Folder;

/// Where a secret is kept. Never the secret itself: a configuration can be read, checked and shown without it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Secret {
    /// The whole content of a file, without a final line break.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
}

impl Secret {
    /// Largest secret, in bytes.
    pub const MAX_BYTES: u64 = 64 * 1024;

    /// Reads `{ file = "…" }` or `{ env = "…" }`. What stands there instead is never repeated in a report.
    pub(in crate::config) fn read(value: &Value<'_>, folder: Folder<'_>) -> Option<Self> {
        let Kind::Table(mut table) = value.kind() else {
            value.error("a secret never stands in this file: write { file = \"…\" } or { env = \"…\" }");
            return None;
        };
        let both_or_none = table.has("file") == table.has("env");
        let file = table.parsed("file", |text| folder.parse(text));
        let env = table.parsed("env", variable_name);
        if both_or_none {
            table.error("name one of { file = \"…\" } and { env = \"…\" }");
        }
        table.finish();
        match (file, env) {
            (Some(file), None) => Some(Self::File(file.value)),
            (None, Some(env)) => Some(Self::Env(env.value)),
            _ => None,
        }
    }

    /// Fetches the secret as it is now. A file may have been replaced since the last call.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is empty, larger than [`Self::MAX_BYTES`] or no UTF-8, or when every user of the machine may read its file.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::File(path) => from_file(path),
            Self::Env(name) => from_environment(name),
        }
    }
}

fn variable_name(text: &str) -> Result<String, &'static str> {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        Ok(text.to_owned())
    } else {
        Err("expected the name of an environment variable, such as CAMBIST_KEY")
    }
}

fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |error: io::Error| SecretError::Unreadable { path: path.to_owned(), kind: error.kind() };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that nobody can put another in its place between the question and the reading.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile { path: path.to_owned() });
    }
    if metadata.mode() & 0o006 != 0 {
        return Err(SecretError::OpenToOthers { path: path.to_owned() });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(Secret::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    text_of(&bytes).map_err(|fault| SecretError::Unusable { of: path.display().to_string(), fault })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment: a variable that the configuration names")]
fn from_environment(name: &str) -> Result<SecretString, SecretError> {
    let value = std::env::var(name).map(Zeroizing::new).map_err(|_| SecretError::VariableMissing { name: name.to_owned() })?;
    text_of(value.as_bytes()).map_err(|fault| SecretError::Unusable { of: name.to_owned(), fault })
}

fn text_of(bytes: &[u8]) -> Result<SecretString, &'static str> {
    if bytes.len() as u64 > Secret::MAX_BYTES {
        return Err("is larger than 64 KiB");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    // Editors and `echo` end a file with a line break that is no part of the secret.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err("is empty") } else { Ok(SecretString::from(text)) }
}

/// Why a secret cannot be had. Never holds any of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation")]
pub enum SecretError {
    #[error("{}: the secret is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "{}: every user of this machine may read or write this secret; run: chmod o-rwx {} (in Kubernetes: `defaultMode: 0440` of its volume)",
        path.display(),
        path.display()
    )]
    OpenToOthers { path: PathBuf },
    #[error("{}: the secret cannot be read: {kind}", path.display())]
    Unreadable { path: PathBuf, kind: io::ErrorKind },
    #[error("{of}: the secret {fault}")]
    Unusable { of: String, fault: &'static str },
    #[error("the environment variable {name} is not set, or not text")]
    VariableMissing { name: String },
}
