//! One SQLite database, for one node.
//!
//! Owns: the writer thread and its group commit, the reader thread, the lock file, what may be created and what is refused.

mod deployment;
mod engine;
mod files;
mod lock;
mod open;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use engine::SqliteStore;
