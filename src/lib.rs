//! cambist: a workload identity federation token service.
//!
//! A workload shows the OIDC token that its own platform gave it and gets back a short-lived token that opens exactly one door.
//!
//! Layers, each importing only those before it (kept by `tests/it/architecture/`):
//!
//! ```text
//! domain ← { token, document, store, outbound } ← { issuers, policy } ← { limits, trust } ← revocation ← release ← exchange ← inspection ← http
//!   ← { config, telemetry, app, cli }
//! ```

pub mod domain;

pub mod document;
pub mod outbound;
pub mod store;
pub mod token;

pub mod issuers;
pub mod policy;

pub mod limits;

pub mod trust;

pub mod revocation;

pub mod release;

pub mod exchange;

pub mod inspection;

pub mod http;

pub mod app;
pub mod cli;
pub mod config;
pub mod telemetry;

// Real Redis processes, shared with the integration tests.
#[cfg(test)]
#[path = "../tests/servers/mod.rs"]
#[expect(dead_code, unused_imports, reason = "`tests/it` uses every part, the unit tests only some")]
mod servers;
