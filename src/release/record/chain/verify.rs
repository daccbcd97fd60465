//! Reading a log with suspicion.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::domain::Digest256;
use crate::release::issuance::PublishedKey;

use super::checkpoint::{Verdict, judge};
use super::link::{Head, View, digest_of_nothing};
use super::report::{Problem, Report};

/// Longest run of bytes without a readable line that is looked at, in bytes: far more than a crash leaves behind.
const MAX_RUN_BYTES: usize = 64 * 1024 * 1024;

/// Verifies one file that begins a chain or continues one. See [`Verifier`].
pub fn verify_log(log: impl Read, keys: impl Fn(&str) -> Option<PublishedKey>, expected_head: Option<Digest256>) -> io::Result<Report> {
    let mut verifier = Verifier::new(keys, expected_head);
    verifier.file(Path::new("log"), log)?;
    Ok(verifier.finish())
}

/// Finds edits, insertions, removals and reorderings in the files of one chain, streaming, in constant memory.
///
/// Give all files of a node, oldest first. What it cannot see: that lines are missing before the first file's `start` line (the report
/// says what it continues), and changes after the last checkpoint when no later head is expected.
pub struct Verifier<K> {
    keys: K,
    expected: Option<Digest256>,
    report: Report,
    head: Option<Head>,
    node: Option<String>,
    last_place: (Box<Path>, u64),
}

/// Lines that cannot be read, until a `recovered` line explains them.
struct Suspect {
    line: u64,
    bytes: Vec<u8>,
}

/// Where we are within one file.
struct Position<'a> {
    file: &'a Path,
    line: u64,
    started: bool,
    suspect: Option<Suspect>,
}

impl<K: Fn(&str) -> Option<PublishedKey>> Verifier<K> {
    /// `keys` gives the key of a `kid`, of all that were ever published; `expected_head` is the head kept in the store or noted elsewhere, which the log must hold.
    pub fn new(keys: K, expected_head: Option<Digest256>) -> Self {
        Self { keys, expected: expected_head, report: Report::default(), head: None, node: None, last_place: (Path::new("").into(), 0) }
    }

    /// Reads the next file of the chain.
    pub fn file(&mut self, name: &Path, log: impl Read) -> io::Result<()> {
        let mut log = BufReader::with_capacity(64 * 1024, log);
        let mut at = Position { file: name, line: 0, started: false, suspect: None };
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = u64::try_from(MAX_RUN_BYTES).unwrap_or(u64::MAX);
            if log.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            at.line += 1;
            let closed = line.pop_if(|byte| *byte == b'\n').is_some();
            if line.len() + at.suspect.as_ref().map_or(0, |suspect| suspect.bytes.len()) >= MAX_RUN_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "64 MiB without a readable line: this is no decision log"));
            }
            match View::of(&line) {
                Some(view) => self.line(&mut at, &view, &line),
                None if closed => at.suspect = Some(Suspect::grown(at.suspect.take(), at.line, &line)),
                // An unfinished line explains unreadable ones before it: the server crashed while it was closing a torn line.
                None => self.report.unfinished_bytes += Suspect::grown(at.suspect.take(), at.line, &line).bytes.len(),
            }
            if !closed {
                // The end of the log as it was. The server may have written on since, and the rest of this line is no line.
                break;
            }
        }
        if let Some(suspect) = &at.suspect {
            self.report.fault(name, suspect.line, Problem::Unreadable);
        }
        self.last_place = (name.into(), at.line);
        Ok(())
    }

    /// Ends the chain.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if let (Some(expected), None) = (self.expected, self.report.after_expected_head) {
            self.report.fault(&self.last_place.0, self.last_place.1, Problem::HeadMissing { expected });
        }
        self.report.head = self.head;
        self.report
    }

    fn line(&mut self, at: &mut Position<'_>, view: &View, bytes: &[u8]) {
        let linked = self.check_link(at, view);
        match view.kind.as_str() {
            "decision" => self.report.decisions += 1,
            "start" => self.check_start(at, view),
            _ => {}
        }
        if !at.started && view.kind != "recovered" {
            if view.kind != "start" {
                self.report.fault(at.file, at.line, Problem::NoStart);
            }
            at.started = true;
        }
        self.check_node(at, view);
        self.report.lines += 1;
        self.report.unsigned_tail += 1;
        if let Some(after) = &mut self.report.after_expected_head {
            *after += 1;
        }
        if let (true, Some(before)) = (linked && view.kind == "checkpoint", self.head) {
            self.check_checkpoint(at, view, &before);
        }
        let head = Head { seq: view.seq, digest: Digest256::of(bytes), unix_millis: 0 };
        if self.expected == Some(head.digest) {
            self.report.after_expected_head = Some(0);
        }
        self.head = Some(head);
    }

    /// Whether the line is the next one. After a fault the line is taken as it is, so that one edit is told once.
    fn check_link(&mut self, at: &mut Position<'_>, view: &View) -> bool {
        let explained = self.check_suspect(at, view);
        let Some(head) = self.head else {
            self.report.continues = view.previous.filter(|_| view.seq != 1);
            if view.seq == 1 && !view.follows(&Head::before_all()) {
                self.report.fault(at.file, at.line, Problem::Broken);
            }
            return true;
        };
        if !explained || view.follows(&head) {
            return explained;
        }
        let expected = head.seq.saturating_add(1);
        let problem = if view.seq == expected { Problem::Broken } else { Problem::Sequence { expected, found: view.seq } };
        self.report.fault(at.file, at.line, problem);
        false
    }

    /// Whether what stands between the last readable line and this one is nothing, or is explained by this one.
    fn check_suspect(&mut self, at: &mut Position<'_>, view: &View) -> bool {
        let suspect = at.suspect.take();
        if view.kind != "recovered" {
            if let Some(suspect) = &suspect {
                self.report.fault(at.file, suspect.line, Problem::Unreadable);
            }
            return suspect.is_none();
        }
        let (digest, length) =
            suspect.as_ref().map_or_else(digest_of_nothing, |suspect| (Digest256::of(&suspect.bytes), suspect.bytes.len()));
        let told = view.sha256.as_deref().and_then(Digest256::from_hex);
        if told != Some(digest) || view.length != Some(length) {
            self.report.fault(at.file, at.line, Problem::Recovered);
            return false;
        }
        self.report.torn += u64::from(suspect.is_some());
        true
    }

    fn check_start(&mut self, at: &Position<'_>, view: &View) {
        let told = view.previous_head.as_deref().and_then(Digest256::from_hex);
        let continued = view.previous.filter(|_| view.seq != 1);
        if told != continued || view.previous_head.is_some() != continued.is_some() {
            self.report.fault(at.file, at.line, Problem::PreviousHead);
        }
    }

    /// A chain may pass to another name only where a process starts.
    fn check_node(&mut self, at: &Position<'_>, view: &View) {
        match view.kind.as_str() {
            "start" => self.node.clone_from(&view.node),
            "recovered" => {}
            _ if self.node.is_some() && self.node != view.node => self.report.fault(at.file, at.line, Problem::OtherNode),
            _ => {}
        }
    }

    fn check_checkpoint(&mut self, at: &Position<'_>, view: &View, before: &Head) {
        match judge(view, before, &self.keys) {
            Verdict::Good => {
                self.report.checkpoints += 1;
                self.report.unsigned_tail = 0;
            }
            Verdict::UnknownKey => self.report.checkpoints_of_unknown_keys += 1,
            Verdict::Bad => self.report.fault(at.file, at.line, Problem::Checkpoint),
        }
    }
}

impl Suspect {
    fn grown(earlier: Option<Self>, line: u64, bytes: &[u8]) -> Self {
        match earlier {
            None => Self { line, bytes: bytes.into() },
            Some(mut suspect) => {
                suspect.bytes.push(b'\n');
                suspect.bytes.extend_from_slice(bytes);
                suspect
            }
        }
    }
}
