//! When the log cannot be written, and how it goes on.

use std::io;
use std::sync::atomic::Ordering;

use super::super::Head;
use super::super::chain::{self, Cause, Chain};
use super::sink::Sink;
use super::tail::Tail;
use super::thread::Writer;

/// Why the file is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Resume {
    /// The process starts.
    First,
    /// It was asked for, as after a rotation.
    Reopen,
    /// It could not be written.
    Retry,
}

impl Writer {
    /// From now on nothing is recorded, and therefore nothing is released.
    pub(super) fn fail(&mut self, cause: Cause, error: &io::Error) {
        self.sink = None;
        self.unsynced_since = None;
        self.cause.get_or_insert(cause);
        if !self.shared.broken.swap(true, Ordering::SeqCst) {
            tracing::error!(log.place = %self.settings.place, log.cause = %cause, error = %error,
                "the decision log cannot be written: no token is issued until it can; free space or mend the path, it is tried again each second");
        }
    }

    pub(super) fn retry(&mut self) {
        if self.resume(Resume::Retry).is_ok() {
            self.shared.broken.store(false, Ordering::SeqCst);
            tracing::error!(log.place = %self.settings.place, log.seq = self.chain.head.seq,
                "the decision log can be written again: tokens are issued again");
        }
    }

    pub(super) fn reopen(&mut self) {
        if self.sink.is_none() {
            return self.retry();
        }
        self.checkpoint();
        if !self.sync() {
            return;
        }
        self.keep();
        match self.resume(Resume::Reopen) {
            Ok(()) => tracing::info!(log.place = %self.settings.place, log.seq = self.chain.head.seq, "the decision log was reopened"),
            Err(error) => self.fail(Cause::Open, &error),
        }
    }

    /// Opens the file, closes what was torn, says so, and starts the chain where this process or file begins.
    pub(super) fn resume(&mut self, why: Resume) -> io::Result<()> {
        // Closed first: it holds the lock that the new one needs.
        self.sink = None;
        let mut sink = Sink::open(&self.settings.place)?;
        if why != Resume::Retry && sink.is_loose()? {
            let place = &self.settings.place;
            tracing::warn!(log.place = %place,
                "others may write or read the decision log, which says who got what; `chmod g-w,o-rwx {place}`");
        }
        let tail = sink.tail()?.unwrap_or_else(|| Tail::of(&self.loose, true));
        // A retry that finds the end it knows goes on; where nothing can be read back it can only believe so.
        let known = if sink.is_regular() { tail.head.is_some_and(|head| head.is_at(&self.chain.head)) } else { why == Resume::Retry };
        let starts = why == Resume::First || !known;
        let mut chain = Chain { head: self.continued(&tail, &sink, why)? };
        let mut bytes = if tail.closed { Vec::new() } else { vec![b'\n'] };
        let mut lines = Vec::new();
        let (now, node) = (self.edges.clock.unix_millis(), &*self.settings.node);
        if tail.torn.is_some() || self.cause.is_some() {
            let torn = tail.torn.unwrap_or_else(chain::digest_of_nothing);
            chain.link(&chain::recovered(torn, self.cause.unwrap_or(Cause::Torn), now, node), now, &mut bytes);
            lines.push((bytes.len(), chain.head));
        }
        if starts {
            chain.link(&chain::start(chain.head, now, node), now, &mut bytes);
            lines.push((bytes.len(), chain.head));
        }
        let (accepted, written) = sink.write(&bytes);
        // What stands in the file is ours, also when this fails now: the next try must know it again.
        for (_, head) in lines.into_iter().filter(|(end, _)| *end <= accepted) {
            self.chain.head = head;
            self.unsigned_lines += 1;
        }
        if let Err(error) = written {
            self.loose.extend_from_slice(&bytes[..accepted]);
            return Err(error);
        }
        sink.sync()?;
        self.sink = Some(sink);
        self.cause = None;
        self.loose.clear();
        Ok(())
    }

    /// The line that the next one is linked to: the one that this process wrote last, or that the store kept, unless the file goes on from
    /// there. Whatever else stands in it, somebody else wrote, and it is not to be signed: the break stays visible for ever.
    fn continued(&self, tail: &Tail, sink: &Sink, why: Resume) -> io::Result<Head> {
        let known = self.chain.head;
        let Some(found) = tail.head else { return Ok(known) };
        let ours = match (why, self.cause) {
            // Lines after the kept head are those of a process that was killed, or of a disk that may have lost some again.
            (Resume::First, _) | (Resume::Retry, Some(Cause::Sync)) if sink.is_regular() => match &self.edges.previous {
                Some(kept) => sink.leads_from(kept)?,
                None => true,
            },
            _ => found.is_at(&known),
        };
        if !ours {
            tracing::error!(log.place = %self.settings.place, log.seq = found.seq, log.kept_seq = known.seq,
                "the decision log does not continue what this node wrote: lines were edited or removed, or the file is another one; \
                 the chain goes on from the last line that is known, and `cambist log verify` will show the break");
        }
        Ok(if ours { found } else { known })
    }
}
