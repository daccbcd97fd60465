//! `cambist check`: everything about a configuration, without any secret.

use std::path::Path;
use std::process::ExitCode;

use crate::app::trust_settings;
use crate::config::Settings;
use crate::document::Diagnostics;
use crate::domain::{Clock as _, SystemClock};
use crate::trust;

use super::{output, settings};

/// 0 when a server would start with it and every trust test passes; 1 otherwise, and with `strict` also for warnings.
pub(super) fn run(file: &Path, strict: bool) -> ExitCode {
    let diagnostics = Diagnostics::new();
    let Some(settings) = Settings::load_with_faults(file, &diagnostics) else {
        settings::print(&diagnostics);
        output::line("configuration refused, and trust not looked at: without the issuer nothing can be said about it");
        return ExitCode::FAILURE;
    };
    let counted = match trust::load(&trust_settings(&settings), SystemClock::new().now()) {
        Ok(trust) => {
            let tests = trust.run_tests(&diagnostics);
            let counts = [(trust.issuers.len(), "issuer"), (trust.policy.relationships().count(), "relationship"), (tests, "trust test")];
            let counted = counts.map(|(number, what)| output::count(number, what)).join(", ");
            for warning in trust.warnings {
                diagnostics.push(warning);
            }
            counted
        }
        Err(faults) => {
            diagnostics.absorb(faults);
            "trust refused".to_owned()
        }
    };
    let (errors, warnings) = settings::print(&diagnostics);
    output::line(format!("{counted}: {}, {}", output::count(errors, "error"), output::count(warnings, "warning")));
    let refused = errors > 0 || (strict && warnings > 0);
    if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
