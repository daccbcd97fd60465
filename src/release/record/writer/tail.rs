//! How a file ends: found from its end, however large it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::domain::{Digest256, Timestamp};

use super::super::Head;
use super::super::chain::View;

/// First look at the end of a file, in bytes: several of the longest lines.
pub(super) const FIRST_WINDOW: u64 = 64 * 1024;
/// Last look, in bytes: after a power failure, some file systems leave long runs of zeros behind.
pub(super) const LAST_WINDOW: u64 = 64 * 1024 * 1024;

/// What the last whole line of a log says of itself. Anybody who can write the file can have written it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastLine {
    /// The node that wrote it.
    pub node: Option<String>,
    /// Its time, in whole seconds.
    pub time: Option<Timestamp>,
}

impl LastLine {
    /// Looks at the end of a file. `None` when there is no such file, no line in it, or it cannot be read back.
    ///
    /// # Errors
    /// When it cannot be read, or ends in 64 MiB without a line.
    pub fn of(file: &Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(file) {
            // Opening a pipe would wait for its writer.
            Ok(metadata) if metadata.is_file() => Ok(Tail::read(&File::open(file)?)?.last),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn seen(view: View) -> Self {
        let seconds = view.time.and_then(|time| u64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_second()).ok());
        Self { node: view.node, time: seconds.map(Timestamp::from_unix) }
    }
}

/// The end of a log.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Tail {
    /// The last whole line; a line that only lacks its newline is whole. `None` when there is none. The time is not known.
    pub(super) head: Option<Head>,
    /// What that line says.
    last: Option<LastLine>,
    /// SHA-256 and length of the bytes after that line, without a newline at their end.
    pub(super) torn: Option<(Digest256, usize)>,
    /// Whether the last byte is a newline, or there is none.
    pub(super) closed: bool,
}

impl Tail {
    /// Looks at the end of a file, and only as far as needed.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut window = FIRST_WINDOW;
        loop {
            let from = size.saturating_sub(window);
            let mut bytes = vec![0; usize::try_from(size - from).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, from)?;
            let tail = Self::of(&bytes, from == 0);
            if tail.head.is_some() || from == 0 {
                return Ok(tail);
            }
            if window >= LAST_WINDOW {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not end like a decision log; move it away"));
            }
            window = (window * 8).min(LAST_WINDOW);
        }
    }

    /// Looks at bytes that end as the log does. `whole`: they also begin where a line begins.
    pub(super) fn of(bytes: &[u8], whole: bool) -> Self {
        let closed = bytes.last().is_none_or(|byte| *byte == b'\n');
        let mut end = bytes.len();
        loop {
            let from = bytes[..end].iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
            if let (Some(from), true) = (from.or(Some(0)), from.is_some() || whole)
                && let Some(view) = View::of(&bytes[from..end])
            {
                let head = Head { seq: view.seq, digest: Digest256::of(&bytes[from..end]), unix_millis: 0 };
                let last = Some(LastLine::seen(view));
                return Self { head: Some(head), last, torn: torn(bytes.get(end + 1..).unwrap_or_default()), closed };
            }
            match from {
                Some(from) => end = from - 1,
                None => return Self { head: None, last: None, torn: torn(bytes), closed },
            }
        }
    }
}

fn torn(rest: &[u8]) -> Option<(Digest256, usize)> {
    let bytes = rest.strip_suffix(b"\n").unwrap_or(rest);
    (!rest.is_empty()).then(|| (Digest256::of(bytes), bytes.len()))
}
