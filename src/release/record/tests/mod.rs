//! The log as a whole: real files, real failures.

mod contract;
mod failing;
mod files;
mod lines;
mod support;
mod verifying;
