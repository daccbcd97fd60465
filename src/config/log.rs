//! `[log]`: the process log. The decision log is another thing: `[decisions]`.

use crate::document::Table;
use crate::telemetry::{LogFormat, LogLevel};

/// How the server tells about itself on standard error.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LogSection {
    /// The form of a line; `None` chooses text on a terminal and JSON elsewhere.
    pub format: Option<LogFormat>,
    /// The least severity that is logged.
    pub level: LogLevel,
}

impl LogSection {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let format = table.parsed("format", |text| match text {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err("expected \"json\" or \"text\""),
        });
        let level =
            table.parsed("level", |text| LogLevel::parse(text).ok_or("expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\""));
        table.finish();
        Self { format: format.map(|format| format.value), level: level.map_or_else(LogLevel::default, |level| level.value) }
    }
}
