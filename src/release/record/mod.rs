//! The decision record: written down before anything is released.
//!
//! Owns: what is recorded of each request, the file it is recorded in, the chain that makes edits show, and the only place that opens
//! a spent token. Must not know: HTTP, where trust comes from, who signs checkpoints and where heads are kept (both are handed in).
//! The line is a public contract: `docs/logging.md`.

mod body;
mod chain;
mod draft;
mod fold;
mod heads;
mod issued;
mod line;
mod log;
mod members;
mod taken_back;
mod text;
mod writer;

#[cfg(test)]
mod tests;

pub use chain::{CHECKPOINT_TYPE, Fault, Head, Problem, Report, Verifier, verify_log};
pub use draft::DecisionDraft;
pub use heads::{SCHEMA, load_head, save_head};
pub use issued::IssuedToken;
pub use line::{Outcome, Refusal};
pub use log::{DecisionLog, LogUnavailable, Room};
pub use taken_back::TakenBack;
pub use writer::{CheckpointSigner, HeadKeeper, LastLine, LogEdges, LogOpenError, LogPlace, LogSettings, SyncMode};

/// Longest line, in bytes, newline included. Claim values are dropped first to keep it.
pub const MAX_LINE_BYTES: usize = 16 * 1024;
/// Longest line about a request whose token was not verified, in bytes, newline included: strangers can cause as many as they like.
pub const MAX_UNVERIFIED_LINE_BYTES: usize = 1024;
/// Lines a second that failures of one reason may cause before the signature is verified; the rest is counted.
pub const MAX_UNVERIFIED_LINES_PER_SECOND: u32 = 50;
/// Lines that may wait for the writer, and rooms that may be reserved, together.
pub const QUEUE_LINES: usize = 8 * 1024;
