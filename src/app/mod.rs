//! The composition root: the only place that knows every layer.
//!
//! Owns: building the parts from settings, the loops that keep them current, readiness, start and end. Must not know: how any of
//! them works.

mod build;
mod health;
mod listeners;
mod observe;
mod parts;
mod reload;
mod routers;
mod running;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;

pub use build::{App, Edges, StartError};
pub use listeners::{ListenFault, Listeners};
pub(crate) use parts::trust_settings;
pub use running::Running;
pub(crate) use store::keys_settings;
pub use store::open_store;
