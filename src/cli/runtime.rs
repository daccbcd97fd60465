//! The runtime of commands that end.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// One thread beside the command's own: connections to a Redis store live on it. What blocks runs on the command's.
pub(super) fn for_a_command() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build()
}
