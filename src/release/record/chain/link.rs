//! Linking lines.

use std::fmt;

use crate::domain::Digest256;

use super::super::body::Body;

/// A place in a chain: the last line that was written, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Number of the line. The first line of a chain is 1; 0 is the place before it.
    pub seq: u64,
    /// SHA-256 of the line's bytes without the newline. All zeros before the first line.
    pub digest: Digest256,
    /// When it was written, in milliseconds since 1970.
    pub unix_millis: u64,
}

impl Head {
    /// The place before the first line.
    #[must_use]
    pub fn before_all() -> Self {
        Self { seq: 0, digest: Digest256::from_bytes([0; 32]), unix_millis: 0 }
    }

    /// Whether both name the same line. When it was written is not part of that.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        self.seq == other.seq && self.digest == other.digest
    }
}

/// Links bodies into lines.
#[derive(Clone, Copy, Debug)]
pub(in crate::release::record) struct Chain {
    pub(in crate::release::record) head: Head,
}

impl Chain {
    /// Appends the next line, newline included.
    ///
    /// `seq` and `prev` stand first, so that a line is linked without parsing or copying its body twice.
    pub(in crate::release::record) fn link(&mut self, body: &[u8], unix_millis: u64, out: &mut Vec<u8>) {
        let seq = self.head.seq + 1;
        let from = out.len();
        out.extend_from_slice(format!(r#"{{"seq":{seq},"prev":"{}","#, self.head.digest).as_bytes());
        out.extend_from_slice(body);
        self.head = Head { seq, digest: Digest256::of(&out[from..]), unix_millis };
        out.push(b'\n');
    }
}

/// Why a chain needed mending.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::release::record) enum Cause {
    /// The file could not be opened.
    Open,
    /// What was written could not be brought to the disk.
    Sync,
    /// A process ended in the middle of a line.
    Torn,
    /// A write failed.
    Write,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Sync => "sync",
            Self::Torn => "torn",
            Self::Write => "write",
        })
    }
}

/// The line that a process, and a file, begins with.
pub(in crate::release::record) fn start(previous: Head, unix_millis: u64, node: &str) -> Vec<u8> {
    let mut body = Body::new("start", unix_millis, node);
    body.digest("previous_head", (previous.seq > 0).then_some(previous.digest));
    body.end()
}

/// The line after a torn one: what the bytes since the last whole line were.
pub(in crate::release::record) fn recovered(torn: (Digest256, usize), cause: Cause, unix_millis: u64, node: &str) -> Vec<u8> {
    let mut body = Body::new("recovered", unix_millis, node);
    body.text("cause", &cause.to_string(), 8);
    body.digest("sha256", Some(torn.0));
    body.number("length", u64::try_from(torn.1).unwrap_or(u64::MAX));
    body.end()
}

/// What is recorded when nothing was torn.
pub(in crate::release::record) fn digest_of_nothing() -> (Digest256, usize) {
    (Digest256::of(b""), 0)
}

/// What a reader of the chain looks at in a line. A line that does not parse as this is torn, or was edited.
#[derive(Debug, serde::Deserialize)]
pub(in crate::release::record) struct View {
    pub(in crate::release::record) seq: u64,
    prev: String,
    pub(super) kind: String,
    pub(in crate::release::record) time: Option<String>,
    pub(in crate::release::record) node: Option<String>,
    pub(super) previous_head: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) length: Option<usize>,
    pub(super) kid: Option<String>,
    pub(super) signature: Option<String>,
    #[serde(skip)]
    pub(super) previous: Option<Digest256>,
}

impl View {
    /// Reads a line without its newline.
    pub(in crate::release::record) fn of(line: &[u8]) -> Option<Self> {
        if !line.starts_with(br#"{"seq":"#) {
            return None;
        }
        let mut view: Self = serde_json::from_slice(line).ok()?;
        view.previous = Some(Digest256::from_hex(&view.prev)?);
        Some(view)
    }

    /// Whether it is the line after `head`.
    pub(in crate::release::record) fn follows(&self, head: &Head) -> bool {
        head.seq.checked_add(1) == Some(self.seq) && self.previous == Some(head.digest)
    }
}
