//! `cambist check`: everything about a configuration, without any secret.

use std::path::Path;
use std::process::ExitCode;

use crate::app::trust_settings;
use crate::document::Diagnostics;
use crate::domain::{Clock as _, SystemClock};
use crate::trust;

use super::{output, settings};

/// 0 when a server would start with it and every trust test passes; 1 otherwise, and with `strict` also for warnings.
pub(super) fn run(file: &Path, strict: bool) -> ExitCode {
    let settings = match settings::load(file) {
        Ok(settings) => settings,
        Err(code) => {
            output::line("The configuration is refused; trust was not looked at.");
            return code;
        }
    };
    let (diagnostics, counted) = match trust::load(&trust_settings(&settings), SystemClock::new().now()) {
        Ok(trust) => {
            let diagnostics = Diagnostics::new();
            let tests = trust.run_tests(&diagnostics);
            let relationships = trust.policy.relationships().count();
            let counted = format!("{} issuers, {relationships} relationships, {tests} trust tests", trust.issuers.len());
            for warning in trust.warnings {
                diagnostics.push(warning);
            }
            (diagnostics, counted)
        }
        Err(diagnostics) => (diagnostics, "trust refused".to_owned()),
    };
    let (errors, warnings) = settings::print(&diagnostics);
    output::line(format!("{counted}: {errors} errors, {warnings} warnings"));
    let refused = errors > 0 || (strict && warnings > 0);
    if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
