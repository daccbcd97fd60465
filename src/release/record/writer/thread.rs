//! The writer: batches, failures, recovery, checkpoints.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::domain::{Clock as _, SystemClock};
use crate::release::record::LogUnavailable;

use super::super::chain::{self, Cause, Chain};
use super::super::fold::Fold;
use super::super::{Head, QUEUE_LINES};
use super::batch::{Batch, Entry, Message};
use super::recovery::Resume;
use super::sink::Sink;
use super::{LogEdges, LogSettings, SyncMode};

/// Lines between checkpoints, at most.
const CHECKPOINT_LINES: u64 = 1_000;
/// Time between checkpoints, at most, as long as there is something new to sign.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// How long the first checkpoint of a process waits: until then nothing vouches for its lines.
const FIRST_CHECKPOINT_AFTER: Duration = Duration::from_secs(1);
/// How long written lines wait for the disk, at most; with [`TICK`] it stays below the second that is promised.
const SYNC_AFTER: Duration = Duration::from_millis(600);
/// How often the writer looks after what is due.
const TICK: Duration = Duration::from_millis(200);
/// How often counted failures get their line, a broken log is tried again, and a missing signature is asked for again.
const EVERY_SECOND: Duration = Duration::from_secs(1);
/// A batch of this many lines says that more are on their way: the next one then waits for them a little.
const BUSY_BATCH: usize = 4;
/// How long. To wake this thread and whoever waits for it costs more than to write a line; a line that comes alone never waits.
const GATHERING: Duration = Duration::from_micros(200);
/// Most bytes in one write.
const BATCH_BYTES: usize = 1024 * 1024;

/// What the writer and the log's users both see.
#[derive(Debug, Default)]
pub(in crate::release::record) struct Shared {
    /// Nothing can be written at present.
    pub(in crate::release::record) broken: AtomicBool,
    /// Failures before the signature.
    pub(in crate::release::record) fold: Mutex<Fold>,
}

/// Owns the file and the chain.
pub(in crate::release::record) struct Writer {
    pub(super) settings: LogSettings,
    pub(super) edges: LogEdges,
    pub(super) shared: Arc<Shared>,
    pub(super) chain: Chain,
    /// `None` while the log is broken.
    pub(super) sink: Option<Sink>,
    /// Why it is broken.
    pub(super) cause: Option<Cause>,
    /// Bytes after the last whole line, where they cannot be read back.
    pub(super) loose: Vec<u8>,
    /// Real time paces I/O, whatever clock the decisions are taken by.
    pace: SystemClock,
    pub(super) unsynced_since: Option<Duration>,
    pub(super) unsigned_lines: u64,
    /// `None` before the first checkpoint of this process.
    signed_at: Option<Duration>,
    second_at: Duration,
    /// Whether the last batch held so many lines that more are on their way than one.
    busy: bool,
}

impl Writer {
    /// Opens the log and writes its `start` line.
    pub(in crate::release::record) fn open(settings: LogSettings, edges: LogEdges, shared: Arc<Shared>) -> io::Result<Self> {
        let mut writer = Self {
            chain: Chain { head: edges.previous.unwrap_or_else(Head::before_all) },
            settings,
            edges,
            shared,
            sink: None,
            cause: None,
            loose: Vec::new(),
            pace: SystemClock::new(),
            unsynced_since: None,
            unsigned_lines: 0,
            signed_at: None,
            second_at: Duration::ZERO,
            busy: false,
        };
        writer.resume(Resume::First)?;
        Ok(writer)
    }

    /// Runs until the log is closed or everybody who could write is gone.
    pub(in crate::release::record) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let closing = match messages.recv_timeout(TICK) {
                Ok(message) => self.handle(message, messages),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish();
                    return;
                }
            };
            if let Some(answer) = closing {
                self.drain(messages);
                self.finish();
                let outcome = self.outcome();
                // The file is closed, and its lock given back, before anybody hears that the log is closed.
                drop(self);
                let _ = answer.send(outcome);
                return;
            }
            self.look_after();
        }
    }

    /// Handles a message and those that wait behind it. Gives the answer of a `Close`.
    fn handle(&mut self, first: Message, messages: &Receiver<Message>) -> Option<super::batch::Answer> {
        if self.busy {
            thread::sleep(GATHERING);
        }
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(entry) => {
                    bytes += entry.body.len();
                    entries.push(entry);
                }
                Message::Reopen(answer) => {
                    self.append(std::mem::take(&mut entries));
                    self.reopen();
                    let _ = answer.send(self.outcome());
                }
                Message::Close(answer) => {
                    self.append(entries);
                    return Some(answer);
                }
            }
            next = if bytes < BATCH_BYTES { messages.try_recv().ok() } else { None };
        }
        self.busy = entries.len() >= BUSY_BATCH;
        self.append(entries);
        None
    }

    /// Writes lines; answers each as soon as its whole line is accepted (and, if so set, on the disk).
    fn append(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let batch = Batch::link(self.chain, entries);
        let Some(sink) = &mut self.sink else { return batch.answer(0) };
        let readable = sink.is_regular();
        let (accepted, written) = sink.write(&batch.bytes);
        let (lines, end, head) = batch.whole(accepted);
        self.chain.head = head.unwrap_or(self.chain.head);
        self.unsigned_lines += u64::try_from(lines).unwrap_or(u64::MAX);
        self.unsynced_since.get_or_insert(self.pace.monotonic());
        let recorded = match written {
            Ok(()) if self.settings.sync == SyncMode::EverySecond || self.sync() => lines,
            // `fdatasync` failed: nothing of the batch is known to be on the disk.
            Ok(()) => 0,
            Err(error) => {
                if !readable {
                    self.loose = batch.bytes[end..accepted].to_vec();
                }
                self.fail(Cause::Write, &error);
                // What was accepted before the failure stands in the file, but with `Always` it is not on the disk.
                if self.settings.sync == SyncMode::EverySecond { lines } else { 0 }
            }
        };
        batch.answer(recorded);
        if self.unsigned_lines >= CHECKPOINT_LINES {
            self.checkpoint();
        }
    }

    /// Does what is due.
    fn look_after(&mut self) {
        let now = self.pace.monotonic();
        if self.unsynced_since.is_some_and(|since| now.saturating_sub(since) >= SYNC_AFTER) {
            self.sync();
        }
        if now.saturating_sub(self.second_at) < EVERY_SECOND {
            return;
        }
        self.second_at = now;
        if self.sink.is_none() {
            self.retry();
        }
        self.write_folded();
        let sign_at = self.signed_at.map_or(FIRST_CHECKPOINT_AFTER, |signed_at| signed_at + CHECKPOINT_EVERY);
        if self.unsigned_lines >= CHECKPOINT_LINES || now >= sign_at {
            self.checkpoint();
        }
    }

    fn write_folded(&mut self) {
        if self.sink.is_none() {
            return;
        }
        let folded = self.fold().take();
        let now = self.edges.clock.unix_millis();
        let lines = folded.iter().map(|folded| Entry::unawaited(folded.body(now, &self.settings.node), now)).collect();
        self.append(lines);
        if self.sink.is_none() {
            self.fold().restore(folded);
        }
    }

    fn fold(&self) -> std::sync::MutexGuard<'_, Fold> {
        self.shared.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs the head, brings everything to the disk, and has the head kept. Without a key it is tried again in a second.
    pub(super) fn checkpoint(&mut self) {
        if self.unsigned_lines == 0 || self.sink.is_none() {
            return;
        }
        let now = self.edges.clock.unix_millis();
        let payload = chain::checkpoint_payload(&self.chain.head, now, &self.settings.node);
        let Some((signature, kid)) = (self.edges.sign)(&payload) else { return };
        self.signed_at = Some(self.pace.monotonic());
        // Zero before the line is written: the checkpoint must not ask for a checkpoint.
        self.unsigned_lines = 0;
        self.append(vec![Entry::unawaited(chain::checkpoint(&signature, &kid, now, &self.settings.node), now)]);
        self.unsigned_lines = 0;
        if self.sink.is_some() && self.sync() {
            self.keep();
        }
    }

    /// Has the head kept; everything up to it is on the disk.
    pub(super) fn keep(&mut self) {
        self.edges.previous = Some(self.chain.head);
        (self.edges.keep)(self.chain.head);
    }

    pub(super) fn sync(&mut self) -> bool {
        self.unsynced_since = None;
        match self.sink.as_ref().map(Sink::sync) {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                self.fail(Cause::Sync, &error);
                false
            }
            None => false,
        }
    }

    fn outcome(&self) -> Result<(), LogUnavailable> {
        if self.sink.is_some() { Ok(()) } else { Err(LogUnavailable::Broken) }
    }

    /// Writes what still waits when the log is closed.
    fn drain(&mut self, messages: &Receiver<Message>) {
        for _ in 0..QUEUE_LINES {
            let Ok(message) = messages.try_recv() else { return };
            if let Some(answer) = self.handle(message, messages) {
                let _ = answer.send(self.outcome());
            }
        }
    }

    fn finish(&mut self) {
        if self.sink.is_none() {
            self.retry();
        }
        self.write_folded();
        self.checkpoint();
        if self.sink.is_some() && self.sync() {
            self.keep();
        }
    }
}
