//! The one thread that writes the log.
//!
//! Owns: the file, its tail, what happens when a write fails. Must not know: what a decision is.

mod anchor;
mod batch;
mod recovery;
mod settings;
mod sink;
mod tail;
mod thread;

pub(super) use batch::{Entry, Message};
pub use settings::{CheckpointSigner, HeadKeeper, LogEdges, LogOpenError, LogPlace, LogSettings, SyncMode};
pub use tail::LastLine;
pub(super) use thread::{Shared, Writer};
