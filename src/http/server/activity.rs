//! What a connection is doing, and how long it may go on like that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{StatusCode, Version};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Deadlines;

/// Shared by a connection's transport, its requests and its watchdog.
#[derive(Debug)]
pub(super) struct Activity {
    deadlines: Deadlines,
    state: Mutex<State>,
    gone: Notify,
}

#[derive(Debug)]
struct State {
    /// Requests between their head and their answer.
    running: usize,
    /// The accept, or the end of the last request.
    since: Instant,
    /// The first byte since then.
    first_byte: Option<Instant>,
    /// Whether any request came.
    served: bool,
    http2: bool,
    /// Whether the last answer may have left a part of its request unread.
    unread: bool,
    seat: Hold,
}

/// What became of a connection's seat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hold {
    Kept,
    /// Whatever comes now is too late.
    Lost,
}

/// What the watchdog should do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Nothing.
    Fine,
    /// Close politely: nothing was asked for too long.
    Idle,
    /// Drop it: a head takes too long.
    Overdue,
}

impl Activity {
    pub(super) fn new(deadlines: Deadlines, accepted: Instant) -> Arc<Self> {
        let state = State { running: 0, since: accepted, first_byte: None, served: false, http2: false, unread: false, seat: Hold::Kept };
        Arc::new(Self { deadlines, state: Mutex::new(state), gone: Notify::new() })
    }

    pub(super) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// Bytes came from the peer.
    pub(super) fn bytes_arrived(&self) {
        let mut state = self.state();
        if state.running == 0 && state.first_byte.is_none() {
            state.first_byte = Some(Instant::now());
        }
    }

    /// A request's head is complete. The connection is busy until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> Running {
        let mut state = self.state();
        state.running += 1;
        state.served = true;
        state.http2 = version == Version::HTTP_2;
        state.unread = false;
        Running(Arc::clone(self))
    }

    /// Whether a peer that is told to go may still be sending. Closing on unread bytes would reset the connection, and the peer
    /// might never see our answer.
    pub(super) fn should_linger(&self) -> bool {
        let state = self.state();
        state.unread || state.first_byte.is_some()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.state().running > 0
    }

    /// Since when no request is in progress; `None` while one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.running == 0 && state.seat == Hold::Kept).then_some(state.since)
    }

    /// Takes the seat of an idle connection. False when it is not idle.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state();
        let evicts = state.running == 0;
        if evicts {
            state.seat = Hold::Lost;
            self.gone.notify_one();
        }
        evicts
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.state().seat == Hold::Lost
    }

    /// Ends when the connection has lost its seat. For one task.
    pub(super) async fn evicted(&self) {
        self.gone.notified().await;
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let (state, deadlines) = (self.state(), &self.deadlines);
        if state.running > 0 {
            return Verdict::Fine;
        }
        if !state.served {
            return if now >= state.since + deadlines.head { Verdict::Overdue } else { Verdict::Fine };
        }
        // On HTTP/2 bytes between requests are window updates and pings, not the start of a head.
        if !state.http2 && state.first_byte.is_some_and(|first| now >= first + deadlines.head) {
            return Verdict::Overdue;
        }
        if now >= state.since + deadlines.idle { Verdict::Idle } else { Verdict::Fine }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, from its head to its answer.
pub(super) struct Running(Arc<Activity>);

impl Running {
    /// The answer is known.
    pub(super) fn answered(self, status: StatusCode, closes: bool) {
        self.0.state().unread = closes || status.is_client_error() || status.is_server_error();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        state.since = Instant::now();
        state.first_byte = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::DEADLINES;
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_connection_without_a_request_is_overdue_after_five_seconds() {
        let start = Instant::now();
        let activity = Activity::new(DEADLINES, start);
        activity.bytes_arrived();
        assert_eq!(activity.verdict(after(start, 4)), Verdict::Fine);
        assert_eq!(activity.verdict(after(start, 5)), Verdict::Overdue);
    }

    #[test]
    fn a_running_request_is_the_handlers_business() {
        let start = Instant::now();
        let activity = Activity::new(DEADLINES, start);
        let running = activity.begin(Version::HTTP_11);
        assert_eq!(activity.verdict(after(start, 10_000)), Verdict::Fine);
        drop(running);
        assert_eq!(activity.verdict(after(start, 74)), Verdict::Fine, "kept alive");
        assert_eq!(activity.verdict(after(start, 10_000)), Verdict::Idle);
    }

    #[test]
    fn a_later_head_has_five_seconds_from_its_first_byte() {
        for (version, expected, why) in
            [(Version::HTTP_11, Verdict::Overdue, "a head has begun"), (Version::HTTP_2, Verdict::Fine, "a ping")]
        {
            let start = Instant::now();
            let activity = Activity::new(DEADLINES, start);
            drop(activity.begin(version));
            activity.bytes_arrived();
            assert_eq!(activity.verdict(after(start, 10)), expected, "{why}");
        }
    }
}
