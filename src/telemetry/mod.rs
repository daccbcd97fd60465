//! What the process tells about itself: its log and its metrics.
//!
//! Owns: the form of log lines, the panic hook, the metrics and their labels. Must not know: anything that is told; layers below return
//! values or take closures, and `app` connects them.

mod logging;
mod metrics;

pub use logging::{AlreadyStarted, LogFormat, LogLevel, start_logging};
pub use metrics::{Exchange, METRICS_CONTENT_TYPE, Metrics, RevocationNumbers, StoreNumbers};
