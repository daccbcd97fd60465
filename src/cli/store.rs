//! `cambist store init`: a deployment id for a store that has none, or a new history for one that lost its own.

use std::path::Path;
use std::process::ExitCode;

use crate::app::open_store;
use crate::domain::{Clock as _, SystemClock};
use crate::release::{issuance, replay};
use crate::store::OpenMode;

use super::{output, settings};

pub(super) fn init(file: &Path, accept_loss: bool) -> anyhow::Result<ExitCode> {
    let settings = match settings::load(file) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let store = open_store(&settings, OpenMode::Init { accept_loss })?;
    let now = SystemClock::new().now();
    if store.created() || !accept_loss {
        // A file that had no id may hold the memory of something else: what was issued before now counts as spent.
        store.run_blocking(move |connection| replay::sqlite::cut_off(connection, now))?;
        output::line(format!("{}: deployment {}", store.path().display(), store.deployment().as_str()));
        return Ok(ExitCode::SUCCESS);
    }
    // In one transaction: subject tokens from before are fenced, and the keys that signed issued tokens are forgotten.
    let id = store.reset_deployment(move |connection| {
        replay::sqlite::cut_off(connection, now)?;
        issuance::forget_ring(connection)
    })?;
    output::line(format!("{}: new deployment {}", store.path().display(), id.as_str()));
    output::line(
        "Everything issued before now is cut off: subject tokens are fenced, and the signing keys are replaced at the next start.",
    );
    Ok(ExitCode::SUCCESS)
}
