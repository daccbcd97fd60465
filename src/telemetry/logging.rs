//! The process log, on standard error.

use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use tracing::{Dispatch, Level, dispatcher};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;

/// The form of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people; coloured on a terminal only.
    Text,
}

/// The least severity that is logged.
///
/// It speaks for our own lines. Libraries below us are heard from `warn` on and no finer: at `trace` they print what they carry, and
/// they carry tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogLevel(Level);

impl LogLevel {
    /// Parses `error`, `warn`, `info`, `debug` or `trace`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let level = match text {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            "info" => Level::INFO,
            "debug" => Level::DEBUG,
            "trace" => Level::TRACE,
            _ => return None,
        };
        Some(Self(level))
    }

    fn filter(self) -> Targets {
        let libraries = self.0.min(Level::WARN);
        Targets::new().with_default(LevelFilter::from(libraries)).with_target(env!("CARGO_CRATE_NAME"), self.0)
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self(Level::INFO)
    }
}

/// The process has a log already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the process log was started twice")]
pub struct AlreadyStarted;

/// Starts the log of this process, once, and has panics reported in it.
///
/// Without a `format` it is text on a terminal and JSON elsewhere.
///
/// # Errors
///
/// When it was started before.
pub fn start_logging(format: Option<LogFormat>, level: LogLevel) -> Result<(), AlreadyStarted> {
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let colour = terminal && format == LogFormat::Text;
    dispatcher::set_global_default(subscriber(format, level, colour, io::stderr)).map_err(|_| AlreadyStarted)?;
    panic::set_hook(Box::new(report_panic));
    Ok(())
}

fn subscriber<W>(format: LogFormat, level: LogLevel, colour: bool, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Where standard error is gone there is nobody to tell; complaining there about that would panic.
    let layer = fmt::layer().with_writer(writer).with_ansi(colour).log_internal_errors(false);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => layer.boxed(),
    };
    Dispatch::new(registry().with(layer.with_filter(level.filter())))
}

/// Says where a panic happened. Not what it said: a message may quote the value that surprised it, and that may be a secret.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        panic.location = place,
        thread.name = thread.name().unwrap_or_default(),
        "a task panicked; this is a bug, please report it"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, colour: bool, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        dispatcher::with_default(&subscriber(format, LogLevel::parse(level).unwrap(), colour, move || writer.clone()), act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_dotted_names() {
        let text = logged(LogFormat::Json, "info", false, || tracing::info!(issuer.name = "github", "keys fetched"));
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert_eq!((&line["level"], &line["message"], &line["issuer.name"]), (&"INFO".into(), &"keys fetched".into(), &"github".into()));
    }

    #[test]
    fn a_line_of_text_is_plain_unless_on_a_terminal() {
        let act = || tracing::warn!(file = "a\u{1b}[31mb\nforged", "refused");
        let plain = logged(LogFormat::Text, "info", false, act);
        assert!(!plain.contains('\u{1b}') && plain.lines().count() == 1, "{plain}");
        assert!(logged(LogFormat::Text, "info", true, act).contains('\u{1b}'));
    }

    #[test]
    fn libraries_are_never_heard_below_warn() {
        for (level, ours, theirs) in [("trace", "cambist::http", 1), ("info", "cambist::http", 1), ("error", "cambist::http", 0)] {
            let text = logged(LogFormat::Json, level, false, || {
                tracing::warn!(target: "h2::codec", "a warning");
                tracing::debug!(target: "h2::codec", "Authorization: Bearer secret");
                tracing::error!(target: "cambist::http", "ours");
            });
            assert_eq!((text.matches(ours).count(), text.matches("h2::codec").count()), (1, theirs), "{level}: {text}");
            assert!(!text.contains("secret"), "{level}");
        }
    }

    #[test]
    fn the_level_speaks_for_our_own_lines() {
        for (level, expected) in [("error", 1), ("warn", 2), ("info", 3), ("debug", 4), ("trace", 5)] {
            let text = logged(LogFormat::Json, level, false, || {
                tracing::error!("x");
                tracing::warn!("x");
                tracing::info!("x");
                tracing::debug!("x");
                tracing::trace!("x");
            });
            assert_eq!(text.lines().count(), expected, "{level}");
        }
        assert_eq!(LogLevel::parse("INFO"), None);
    }

    #[test]
    fn a_panic_is_reported_by_its_place_without_its_message() {
        let text = logged(LogFormat::Json, "info", false, || {
            let (this, others) = (std::thread::current().id(), panic::take_hook());
            // Panics of tests that run beside this one are not ours to report.
            panic::set_hook(Box::new(move |info| if std::thread::current().id() == this { report_panic(info) } else { others(info) }));
            let secret = "hunter2";
            panic::catch_unwind(|| panic!("cannot parse {secret}")).unwrap_err();
        });
        assert!(text.contains("src/telemetry/logging.rs:") && text.contains("\"ERROR\""), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
