//! What was posted and what was answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::subject::{KeyChoice, Kind, Subject};
use crate::support::Answer;

/// Why a token is posted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// Its client exchanges it.
    First,
    /// Its client tries again after a 503 or a lost answer.
    Retry,
    /// Its client repeats itself, with its `Idempotency-Key`.
    Repeat,
    /// Somebody who has seen it tries it again.
    Replay,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    /// Its place in the ledger.
    pub(crate) subject: usize,
    pub(crate) target: usize,
    pub(crate) node: usize,
    pub(crate) cause: Cause,
    pub(crate) key: KeyChoice,
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A token with this `jti`.
    Issued(String),
    /// Another answer: the status, and `family: reason` or what stood in its place.
    Refused(u16, Arc<str>),
    /// No answer.
    Silence,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) post: Post,
    pub(crate) kind: Kind,
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

impl Record {
    pub(crate) fn is_issued(&self) -> bool {
        matches!(self.outcome, Outcome::Issued(_))
    }

    /// Whether it is the first request of a client with a token of its own that the guard asks for.
    pub(crate) fn is_clients(&self) -> bool {
        self.post.cause == Cause::First && self.kind != Kind::Reusable
    }

    /// `family: reason`; empty for a token and for silence.
    pub(crate) fn reason(&self) -> &str {
        if let Outcome::Refused(_, reason) = &self.outcome { reason } else { "" }
    }
}

impl Outcome {
    /// An answer that is neither a token nor JSON with a reason says so in the place of its reason.
    pub(crate) fn of(answer: &Answer) -> Self {
        if answer.status == 200 {
            let jti = answer.token().map(|_| answer.token_part(1)["jti"].as_str().unwrap_or_default().to_owned());
            return Self::Issued(jti.unwrap_or_default());
        }
        let reason = answer.reason();
        let reason = reason.split(" (").next().unwrap_or_default();
        let reason = if reason.is_empty() { format!("no reason in {:?}", answer.text) } else { reason.to_owned() };
        Self::Refused(answer.status.as_u16(), reason.into())
    }
}

/// Everything that was minted, and everything that was answered, in order.
#[derive(Default)]
pub(crate) struct Ledger {
    subjects: Mutex<Vec<Arc<Subject>>>,
    records: Mutex<Vec<Record>>,
}

impl Ledger {
    /// The place of a new token.
    pub(crate) fn enter(&self, subject: Subject) -> usize {
        let mut subjects = self.subjects.lock().unwrap();
        subjects.push(Arc::new(subject));
        subjects.len() - 1
    }

    pub(crate) fn subject(&self, place: usize) -> Arc<Subject> {
        Arc::clone(&self.subjects.lock().unwrap()[place])
    }

    pub(crate) fn subjects(&self) -> Vec<Arc<Subject>> {
        self.subjects.lock().unwrap().clone()
    }

    pub(crate) fn note(&self, record: Record) {
        self.records().push(record);
    }

    /// All of them; also after somebody panicked who was reading them.
    pub(crate) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
