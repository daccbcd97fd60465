//! One file per command.
//!
//! Owns: arguments, what commands print, exit codes. Must not know: how anything is decided.

mod arguments;
mod check;
mod demo;
pub mod dev_issuer;
mod health;
mod keys;
mod log;
mod output;
mod revoke;
mod runtime;
mod serve;
mod settings;
mod store;

pub use arguments::Arguments;
pub use arguments::run;
