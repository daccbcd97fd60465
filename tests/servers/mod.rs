//! Real Redis processes for tests: single servers, three with Sentinels, a six-node Cluster, and what goes wrong between and inside them.
//!
//! Shared by the library's unit tests, by `tests/it` and by the fault plan, so it knows nothing of cambist. Everything is synchronous and
//! panics when it cannot do what it says; commands of an asynchronous test may be sent from any thread. Every process, port and folder
//! ends with the value that stands for it, and every process with the test process, however that ends.
//!
//! `process` runs programs, `port` finds places for them, `redis` is one server with its `options`, `commands` talks to it; `sentinel` and `cluster` put
//! several together; `proxy` spoils connections, `clock` the wall clock.

mod clock;
mod cluster;
mod commands;
mod options;
mod port;
mod process;
mod proxy;
mod redis;
mod sentinel;
mod wait;

pub(crate) use clock::ClockFile;
pub(crate) use cluster::{Cluster, ClusterOptions};
pub(crate) use commands::{list, text};
pub(crate) use options::{Persistence, RedisOptions, TlsFiles};
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use redis::RedisServer;
pub(crate) use sentinel::{MASTER_NAME, SentinelTrio, TrioOptions};
pub(crate) use wait::eventually;
