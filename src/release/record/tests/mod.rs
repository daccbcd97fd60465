//! The log as a whole: real files, real failures.

mod contract;
mod failing;
mod files;
mod forged;
mod lines;
mod releasing;
mod support;
mod verifying;
