//! `cambist demo`: a complete exchange on this machine, with nothing configured.

mod client;
mod scenes;
mod stage;

use std::process::ExitCode;

use super::output::{self, Paint};
use super::runtime::interrupted;
use scenes::SCENES;
use stage::Stage;

/// Plays every scene; with `serve`, leaves the stage standing until it is interrupted.
pub(super) fn run(serve: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let paint = Paint::for_stdout();
        let stage = Stage::set().await?;
        output::line(stage.introduction(paint));
        let mut as_expected = true;
        for (number, scene) in SCENES.iter().enumerate() {
            as_expected &= scene.play(&stage, number + 1, paint).await?;
        }
        if serve {
            output::line(stage.invitation(paint));
            interrupted().await?;
        } else {
            output::line(format!("\n{} cambist demo --serve leaves this running, to try with curl.", paint.bold("Next:")));
        }
        stage.strike().await?;
        Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}
