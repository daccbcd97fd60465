//! The chain that makes edits show: how a line is linked to the one before it, and how a reader checks that.

mod checkpoint;
mod link;
mod report;
mod verify;

pub use checkpoint::CHECKPOINT_TYPE;
pub(super) use checkpoint::{body as checkpoint, payload as checkpoint_payload};
pub use link::Head;
pub(super) use link::{Cause, Chain, View, digest_of_nothing, recovered, start};
pub use report::{Fault, Problem, Report};
pub use verify::{Verifier, verify_log};
