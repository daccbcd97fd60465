//! What the log is told when it is opened.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::Clock;

use super::super::Head;

/// Where lines go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogPlace {
    /// A file that is appended to; made with mode 0600, and its directory too, when it does not exist.
    File(PathBuf),
    /// Standard output. Nothing is brought to a disk, and nothing can be learnt from it at the next start.
    StandardOutput,
}

impl LogPlace {
    /// `-` is standard output; anything else is a path.
    #[must_use]
    pub fn from_setting(text: &str) -> Self {
        if text == "-" { Self::StandardOutput } else { Self::File(text.into()) }
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::StandardOutput => f.write_str("standard output"),
        }
    }
}

/// When a line is brought to the disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SyncMode {
    /// `fdatasync` before the answer: a power failure loses nothing that was released. Lines that wait at the same time share one.
    Always,
    /// `fdatasync` at most 1 s after the write. A crash of our process loses nothing; a power failure may lose the last second.
    #[default]
    EverySecond,
}

/// The settings of the decision log.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// Where lines go.
    pub place: LogPlace,
    /// The name of this node; the first 64 bytes stand in every line.
    pub node: Box<str>,
    /// When lines are brought to the disk.
    pub sync: SyncMode,
}

/// Signs a checkpoint: given the payload, gives a compact JWS with `typ` [`super::super::CHECKPOINT_TYPE`] and the `kid` in its header, and
/// that `kid`. `None` when no key is there; the checkpoint is then tried again a second later.
pub type CheckpointSigner = Arc<dyn Fn(&[u8]) -> Option<(String, Box<str>)> + Send + Sync>;

/// Told the head after every checkpoint, when the file was brought to the disk, and at the end. Runs on the writer's thread: it must hand the
/// head on and return.
pub type HeadKeeper = Arc<dyn Fn(Head) + Send + Sync>;

/// What the log needs from the rest of the program.
#[derive(Clone)]
pub struct LogEdges {
    /// Times of lines, and latencies.
    pub clock: Arc<dyn Clock>,
    /// Signs checkpoints.
    pub sign: CheckpointSigner,
    /// Keeps the head outside of the log.
    pub keep: HeadKeeper,
    /// The head that was kept for this node. The file must lead on from it, or is not believed.
    pub previous: Option<Head>,
}

/// The log cannot be opened; the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the decision log to {place}: {source}; check the path in `[decisions] file`, its permissions and the free space")]
pub struct LogOpenError {
    /// Where lines should have gone.
    pub place: LogPlace,
    /// Why they cannot.
    pub source: io::Error,
}
