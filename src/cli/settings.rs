//! What every command that reads a configuration does first.

use std::path::Path;
use std::process::ExitCode;

use crate::config::Settings;
use crate::document::{Diagnostics, Severity};

use super::output;

/// Reads the configuration, or prints everything that is wrong with it.
pub(super) fn load(file: &Path) -> Result<Settings, ExitCode> {
    let diagnostics = Diagnostics::new();
    let settings = Settings::load(file, &diagnostics);
    print(&diagnostics);
    settings.ok_or(ExitCode::FAILURE)
}

/// Prints all of them, sorted by place, and counts errors and warnings.
pub(super) fn print(diagnostics: &Diagnostics) -> (usize, usize) {
    let sorted = diagnostics.sorted();
    for diagnostic in &sorted {
        output::error(&diagnostic.to_string());
    }
    let errors = sorted.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    (errors, sorted.len() - errors)
}
