//! What a reader of the chain found.

use std::path::{Path, PathBuf};

use crate::domain::Digest256;

use super::link::Head;

/// The result of verifying a log.
#[derive(Debug, Default)]
pub struct Report {
    /// Whole lines.
    pub lines: u64,
    /// Lines about one request each.
    pub decisions: u64,
    /// Checkpoints that a known key signed over exactly the lines before them.
    pub checkpoints: u64,
    /// Checkpoints signed by a key that is not known (any more). They prove nothing.
    pub checkpoints_of_unknown_keys: u64,
    /// Whole lines after the last good checkpoint. Whoever can write the file can change these unseen, unless a head is given.
    pub unsigned_tail: u64,
    /// Lines that were torn by a crash or a full disk and properly closed.
    pub torn: u64,
    /// Bytes of an unfinished line at the end: the server is writing it, or crashed there and has not started again.
    pub unfinished_bytes: usize,
    /// What the first file continues: `None` when it begins a chain. Lines before it were not seen.
    pub continues: Option<Digest256>,
    /// The last whole line.
    pub head: Option<Head>,
    /// Whole lines after the head that was asked for, when it was found.
    pub after_expected_head: Option<u64>,
    /// What is wrong, in the order of the log; at most [`Self::MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// How many further faults there are.
    pub further_faults: u64,
}

impl Report {
    /// Most faults that are listed.
    pub const MAX_FAULTS: usize = 100;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn fault(&mut self, file: &Path, line: u64, problem: Problem) {
        if self.faults.len() < Self::MAX_FAULTS {
            self.faults.push(Fault { file: file.into(), line, problem });
        } else {
            self.further_faults += 1;
        }
    }
}

/// Something wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}:{line}: {problem}", file.display())]
pub struct Fault {
    /// The file as it was given.
    pub file: PathBuf,
    /// The line in that file, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// `prev` is not the digest of the line before.
    #[error("the line before it was edited, removed or moved, or this line was inserted: `prev` is not that line's SHA-256")]
    Broken,
    /// The signature does not verify, or is over something else.
    #[error("the checkpoint's signature is not over the lines before it")]
    Checkpoint,
    /// The head that was asked for is nowhere.
    #[error("the log does not hold the expected head {expected}: lines were cut off at the end, or it is another log")]
    HeadMissing {
        /// The head that was asked for.
        expected: Digest256,
    },
    /// The file does not begin with a `start` line (after a `recovered` one, when its first line was torn).
    #[error("the file does not begin with a `start` line: lines were removed before this one")]
    NoStart,
    /// Another node's line.
    #[error("the line names another node than the one that started this chain")]
    OtherNode,
    /// `previous_head` contradicts `prev`.
    #[error("`previous_head` of the `start` line is not its `prev`")]
    PreviousHead,
    /// A `recovered` line does not describe what stands before it.
    #[error("the `recovered` line does not match the bytes before it")]
    Recovered,
    /// The numbers have a gap.
    #[error("`seq` is {found}, and {expected} comes next: lines were removed, inserted or moved")]
    Sequence {
        /// The number that comes next.
        expected: u64,
        /// The number in the line.
        found: u64,
    },
    /// The line is not one of ours, and no `recovered` line says why.
    #[error("the line cannot be read: it was edited")]
    Unreadable,
}
