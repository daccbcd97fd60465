//! What the writer is handed, and lines on their way into one write.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::release::record::LogUnavailable;

use super::super::Head;
use super::super::chain::Chain;

/// To the writer.
pub(in crate::release::record) enum Message {
    /// Write everything, sign the end, bring it to the disk, and stop.
    Close(Answer),
    /// Append a line.
    Line(Entry),
    /// Open the file anew.
    Reopen(Answer),
}

/// Where an outcome is awaited.
pub(in crate::release::record) type Answer = oneshot::Sender<Result<(), LogUnavailable>>;

/// A line that waits to be written. Its room in the queue is given back when it is dropped.
pub(in crate::release::record) struct Entry {
    /// The body.
    pub(in crate::release::record) body: Vec<u8>,
    /// When it was handed over, in milliseconds since 1970.
    pub(in crate::release::record) unix_millis: u64,
    /// Who waits for it, if anybody.
    pub(in crate::release::record) answer: Option<Answer>,
    /// Its room in the queue; the writer's own lines need none.
    pub(in crate::release::record) room: Option<OwnedSemaphorePermit>,
}

impl Entry {
    /// A line that nobody waits for.
    pub(super) fn unawaited(body: Vec<u8>, unix_millis: u64) -> Self {
        Self { body, unix_millis, answer: None, room: None }
    }

    /// Tells whoever waits.
    pub(super) fn answer(self, outcome: Result<(), LogUnavailable>) {
        if let Some(answer) = self.answer {
            // Nobody listens when the task that waited is gone; the line stands all the same.
            let _ = answer.send(outcome);
        }
    }
}

/// Linked lines for one write.
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// After each line: where it ends, newline included, and the head that it makes.
    ends: Vec<(usize, Head)>,
    entries: Vec<Entry>,
}

impl Batch {
    pub(super) fn link(mut chain: Chain, entries: Vec<Entry>) -> Self {
        let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.body.len() + 128).sum());
        let ends = entries.iter().map(|entry| {
            chain.link(&entry.body, entry.unix_millis, &mut bytes);
            (bytes.len(), chain.head)
        });
        Self { ends: ends.collect(), bytes, entries }
    }

    /// How many lines are whole within the first `accepted` bytes, where they end, and the head they make.
    pub(super) fn whole(&self, accepted: usize) -> (usize, usize, Option<Head>) {
        let lines = self.ends.partition_point(|(end, _)| *end <= accepted);
        let last = lines.checked_sub(1).and_then(|last| self.ends.get(last));
        (lines, last.map_or(0, |(end, _)| *end), last.map(|(_, head)| *head))
    }

    /// Tells the first `lines` that they are recorded, and the others that they are not.
    pub(super) fn answer(self, lines: usize) {
        for (index, entry) in self.entries.into_iter().enumerate() {
            entry.answer(if index < lines { Ok(()) } else { Err(LogUnavailable::Broken) });
        }
    }
}
