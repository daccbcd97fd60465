//! The two engines that remember, and nothing else.
//!
//! Owns: connections, group commit, topology and leases, the deployment id. Must not know: what is remembered; each kind of state
//! brings its own schema or scripts, and asks which engine it has.

mod deployment;
mod engine;
mod error;
pub mod redis;
mod settings;
mod sqlite;

pub use deployment::DeploymentId;
pub use engine::Store;
pub use error::{StoreError, StoreTrouble};
pub use redis::RedisStore;
pub use settings::{OpenMode, Schema, SqliteSettings, StoreSettings};
pub use sqlite::SqliteStore;
