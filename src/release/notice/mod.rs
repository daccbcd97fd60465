//! The notice of what is revoked: a small signed document for whoever verifies our tokens without asking us.
//!
//! Owns: what it says, when it is signed anew, when there is none. Must not know: HTTP, what rules compare.

mod service;
#[cfg(test)]
mod tests;

pub use service::{NOTICE_MAX_AGE, NOTICE_TYPE, NoNotice, Notice, Notices};
