//! Redis, for any number of nodes: one server, Sentinel, or Cluster.
//!
//! Owns: connections, who is the master and for how long we may believe it (the lease), script calls with one retry, the servers'
//! fitness, the deployment id. Must not know: what the scripts of each kind of state mean.
//!
//! The `redis` crate speaks the protocol and nothing more. Topology and retries are ours, because the replay guard must know at the
//! moment of sending which server it sends to, under which configuration epoch, and that nothing is ever sent twice behind its back.

mod connection;
mod deployment;
mod engine;
mod fault;
mod health;
mod listener;
mod script;
mod settings;
mod store;
mod topology;

pub use fault::{RedisFault, Refusal};
pub use listener::Listener;
pub use script::{Call, Script, Tag, decoded, integer, text};
pub(crate) use script::{in_deployment, on_master};
pub use settings::{Address, ClientCertificate, Credentials, ReadSecret, RedisSettings, TlsSettings, Topology};
pub use store::{RedisStore, StoreVitals};

#[cfg(test)]
mod tests;
