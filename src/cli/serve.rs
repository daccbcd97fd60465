//! `cambist serve`: the server.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, Edges, Listeners, Running};
use crate::config::Settings;
use crate::domain::SystemClock;
use crate::outbound::HttpFetch;
use crate::telemetry::start_logging;

use super::settings;

/// How long running exchanges may take to end after SIGTERM. Kubernetes waits 30 s before it kills.
const DRAIN: Duration = Duration::from_secs(25);

pub(super) fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let settings = match settings::load(file) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    start_logging(settings.log.format, settings.log.level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(serve(settings))?;
    // Whatever still runs now was reported; it must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(code)
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    // Before anything is built: a signal during the start must not be lost.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let listeners = Listeners::bind(&settings).await?;
    let issuer = settings.issuer.clone();
    let edges = Edges { clock: Arc::new(SystemClock::new()), fetch: Arc::new(HttpFetch::new()) };
    let app = App::build(settings, edges).await?;
    let running = Running::start(app, listeners);
    tracing::info!(issuer.url = %issuer, listen.public = %running.public_address(), listen.admin = %running.admin_address(), "serving");
    loop {
        tokio::select! {
            _ = hang_up.recv() => running.app().hang_up().await,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("draining: no new connections, running exchanges end");
    if running.drain(DRAIN).await {
        tracing::info!("ended");
        return Ok(ExitCode::SUCCESS);
    }
    tracing::warn!("ended before everything had: some connections were cut, or the end of the decision log was not written");
    Ok(ExitCode::FAILURE)
}
