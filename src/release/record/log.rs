//! The log as the rest of the program sees it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::QUEUE_LINES;
use super::body::Body;
use super::draft::DecisionDraft;
use super::line::{self, Ending, IssuedFacts, Refusal};
use super::writer::{Entry, LogEdges, LogOpenError, LogSettings, Message, Shared, Writer};

/// The decision log cannot take a line, so nothing may be released: `log_unavailable`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LogUnavailable {
    /// The last write or `fdatasync` failed, or the log was closed.
    #[error("the decision log cannot be written at present")]
    Broken,
    /// More lines wait than the queue takes: the disk is slower than the requests.
    #[error("too many lines wait for the decision log")]
    Full,
}

impl LogUnavailable {
    /// The stable reason: on the wire and in metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        "log_unavailable"
    }
}

/// Room for one line in the queue, given back when it is dropped.
///
/// Reserved before the subject token is spent, so that a full queue burns no token.
#[must_use = "a room that is dropped is given back"]
#[derive(Debug)]
pub struct Room(OwnedSemaphorePermit);

/// The decision log of this node. Cheap to clone; all clones write one chain.
#[derive(Clone)]
pub struct DecisionLog {
    messages: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    rooms: Arc<Semaphore>,
    edges: LogEdges,
    node: Arc<str>,
}

impl DecisionLog {
    /// Opens the log, continues its chain and starts the thread that writes it.
    pub fn open(settings: LogSettings, edges: LogEdges) -> Result<Self, LogOpenError> {
        let shared = Arc::new(Shared::default());
        let place = settings.place.clone();
        let node = settings.node.as_ref().into();
        let failed = |source| LogOpenError { place, source };
        let (sender, receiver) = mpsc::channel();
        let started = Writer::open(settings, edges.clone(), shared.clone()).and_then(|writer| {
            let name = "decision-log".to_owned();
            thread::Builder::new().name(name).spawn(move || writer.run(&receiver))
        });
        started.map_err(failed)?;
        Ok(Self { messages: sender, shared, rooms: Arc::new(Semaphore::new(QUEUE_LINES)), edges, node })
    }

    /// Reserves room for one line. Never waits.
    pub fn reserve(&self) -> Result<Room, LogUnavailable> {
        if self.is_broken() {
            return Err(LogUnavailable::Broken);
        }
        self.rooms.clone().try_acquire_owned().map(Room).map_err(|_| LogUnavailable::Full)
    }

    /// Whether nothing can be recorded at present.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::SeqCst)
    }

    /// How many more lines the queue takes at present.
    #[must_use]
    pub fn free_rooms(&self) -> usize {
        self.rooms.available_permits()
    }

    /// Records a request that got no token.
    ///
    /// After the signature the line is awaited, in the room that was reserved or in a new one; when it cannot be written, answer
    /// `log_unavailable`. Before the signature it is [noted](Self::noted), which never fails.
    pub async fn refused(&self, draft: DecisionDraft, refusal: Refusal, room: Option<Room>) -> Result<(), LogUnavailable> {
        if !draft.is_verified() {
            self.noted(&draft, refusal);
            return Ok(());
        }
        let room = room.map_or_else(|| self.reserve(), Ok)?;
        let line = self.line(&draft, &self.refusal(&draft, refusal));
        self.append(room, line).await
    }

    /// Records a failure before the signature: nobody waits, and floods are folded into counts.
    ///
    /// It takes at most half of the queue, so that a flood of them never stops issuing.
    pub fn noted(&self, draft: &DecisionDraft, refusal: Refusal) {
        let mut fold = self.shared.fold.lock().unwrap_or_else(PoisonError::into_inner);
        if !fold.admits(refusal, draft.unix_millis) {
            return fold.count(refusal, draft.unix_millis);
        }
        match self.reserve() {
            Ok(room) if self.free_rooms() >= QUEUE_LINES / 2 => {
                drop(fold);
                let line = self.line(draft, &self.refusal(draft, refusal));
                self.send(room, line, None);
            }
            _ => fold.count(refusal, draft.unix_millis),
        }
    }

    /// Records an issued token. What it gives is the proof that [`super::issued`] waits for.
    pub(super) async fn issued(&self, room: Room, draft: &DecisionDraft, facts: IssuedFacts<'_>) -> Result<(), LogUnavailable> {
        let ending = Ending {
            node: &self.node,
            outcome: line::Outcome::Issued,
            reason: None,
            issued: Some(facts),
            latency_micros: self.latency_micros(draft),
        };
        let line = self.line(draft, &ending);
        self.append(room, line).await
    }

    /// Opens the file anew, as after a rotation: a new file begins with a `start` line that names the head of the old one.
    pub async fn reopen(&self) -> Result<(), LogUnavailable> {
        self.ask(Message::Reopen).await
    }

    /// Writes what waits, signs the end, brings it to the disk and stops. Nothing can be recorded afterwards.
    pub async fn close(&self) -> Result<(), LogUnavailable> {
        self.ask(Message::Close).await
    }

    fn line(&self, draft: &DecisionDraft, ending: &Ending<'_>) -> Entry {
        self.entry(line::decision(draft, ending))
    }

    /// A line of that kind, as of now.
    pub(super) fn begin(&self, kind: &str) -> Body {
        Body::new(kind, self.edges.clock.unix_millis(), &self.node)
    }

    pub(super) fn entry(&self, body: Vec<u8>) -> Entry {
        Entry { body, unix_millis: self.edges.clock.unix_millis(), answer: None, room: None }
    }

    fn refusal(&self, draft: &DecisionDraft, refusal: Refusal) -> Ending<'_> {
        Ending {
            node: &self.node,
            outcome: refusal.outcome,
            reason: Some(refusal.reason),
            issued: None,
            latency_micros: self.latency_micros(draft),
        }
    }

    fn latency_micros(&self, draft: &DecisionDraft) -> u64 {
        let latency = self.edges.clock.monotonic().saturating_sub(draft.monotonic);
        u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) async fn append(&self, room: Room, line: Entry) -> Result<(), LogUnavailable> {
        let (answer, outcome) = oneshot::channel();
        self.send(room, line, Some(answer));
        // A writer that is gone answers nobody.
        outcome.await.unwrap_or(Err(LogUnavailable::Broken))
    }

    fn send(&self, room: Room, mut line: Entry, answer: Option<oneshot::Sender<Result<(), LogUnavailable>>>) {
        line.room = Some(room.0);
        line.answer = answer;
        // The writer is gone only after `close`; dropping the line tells whoever waits.
        let _ = self.messages.send(Message::Line(line));
    }

    async fn ask(&self, message: impl FnOnce(oneshot::Sender<Result<(), LogUnavailable>>) -> Message) -> Result<(), LogUnavailable> {
        let (answer, outcome) = oneshot::channel();
        let _ = self.messages.send(message(answer));
        outcome.await.unwrap_or(Err(LogUnavailable::Broken))
    }
}
