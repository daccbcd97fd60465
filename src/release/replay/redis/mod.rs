//! The guard's memory in Redis.
//!
//! Owns: the one script that answers a spend, the fences it keeps, and how both are read. The store's clock is Redis's own; the
//! script compares it with the node's on every call.
//!
//! A fence stands in the same hash tag as the records that it speaks for, so that they are always on the same server; so does what a handle
//! stands for.

mod answer;
mod engine;
mod opaque;
#[cfg(test)]
mod tests;

pub(super) use engine::RedisEngine;
pub(super) use opaque::find;
