//! The engines that remember, and nothing else.
//!
//! Owns: connections, group commit, the lock file, the deployment id. Must not know: what is remembered; each kind of state brings
//! its own schema.

mod deployment;
mod error;
mod files;
mod lock;
mod open;
mod settings;
mod sqlite;
mod writer;

#[cfg(test)]
mod tests;

pub use deployment::DeploymentId;
pub use error::StoreError;
pub use settings::{OpenMode, Schema, StoreSettings};
pub use sqlite::Store;
