//! Issuers against real servers on loopback, with a clock that stands still.

mod bundles;
mod cache;
mod demand;
mod registry;
mod sources;
mod support;
