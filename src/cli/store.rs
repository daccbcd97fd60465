//! `cambist store init`: a deployment id for a store that has none, or a new history for one that lost its own.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::app::open_store;
use crate::domain::{Clock, SystemClock};
use crate::release::{issuance, replay};
use crate::revocation;
use crate::store::OpenMode;

use super::{output, runtime, settings};

pub(super) fn init(file: &Path, accept_loss: bool) -> anyhow::Result<ExitCode> {
    let settings = match settings::load(file) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let runtime = runtime::for_a_command()?;
    let store = runtime.block_on(open_store(&settings, OpenMode::Init { accept_loss }))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    // Before the new id: whoever finds that one must find nothing of before. What is new may hold the memory of something else.
    runtime.block_on(replay::cut_off(&store, clock))?;
    if store.created() && !accept_loss {
        runtime.block_on(revocation::begin(&store))?;
    }
    if store.created() || !accept_loss {
        output::line(format!("{}: deployment {}", store.place(), store.deployment()));
        return Ok(ExitCode::SUCCESS);
    }
    let id = runtime.block_on(issuance::begin_anew(&store))?;
    output::line(format!("{}: new deployment {id}", store.place()));
    output::line(
        "Everything issued before now is cut off: subject tokens are fenced, and the signing keys are replaced at the next start.",
    );
    Ok(ExitCode::SUCCESS)
}
