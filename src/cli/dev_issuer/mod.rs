//! `cambist dev-issuer`: a local issuer that mints tokens in the shape of any preset.

mod issuer;
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::domain::{Clock, IssuerUrl, SystemClock};
use crate::trust::{IssuerKind, Preset};

use super::output;
use super::runtime::interrupted;

pub use issuer::{DevIssuer, MintRequest};

/// A development issuer that answers on loopback.
pub struct DevIssuerServer {
    issuer: Arc<DevIssuer>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl DevIssuerServer {
    /// Starts it. `audience` is the default `aud` of its tokens. Refuses every address but loopback.
    pub async fn start(listen: SocketAddr, audience: String, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::start_with(listen, audience, Preset::GENERIC, clock).await
    }

    /// The same for one whose tokens are in the shape of this preset, unless another is asked.
    pub async fn start_with(listen: SocketAddr, audience: String, preset: &str, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        if !listen.ip().is_loopback() {
            bail!("{listen} is not loopback: whoever reaches this issuer can be anybody, so it listens on 127.0.0.1 or [::1] only");
        }
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let url = IssuerUrl::parse(&format!("http://{}", listener.local_addr()?))?;
        let issuer = Arc::new(DevIssuer::new(url, audience, clock)?.with_preset(preset)?);
        let router = server::router(Arc::clone(&issuer));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { issuer, serving })
    }

    /// Its `iss`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.issuer.url().as_str()
    }

    /// The issuer itself.
    #[must_use]
    pub fn issuer(&self) -> &DevIssuer {
        &self.issuer
    }

    /// Stops answering.
    pub async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

/// Runs until it is interrupted.
pub(super) fn run(listen: SocketAddr, audience: &str, preset: &str) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = DevIssuerServer::start_with(listen, audience.to_owned(), preset, Arc::new(SystemClock::new())).await?;
        output::line(format!("development issuer {}", server.url()));
        output::line(format!("  mint  curl -s {}", example(server.url(), preset)));
        output::line(format!("  aud   {audience}, unless a claim says otherwise; change the default with --audience"));
        let spiffe = Preset::named(preset).is_some_and(|preset| preset.kind == IssuerKind::Spiffe);
        let place = if spiffe { format!("bundle_endpoint = \"{}/bundle\"", server.url()) } else { "url".into() };
        output::line(format!("  trust it in a file below your trust directory with:  {place}, network = \"loopback\""));
        interrupted().await?;
        server.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The arguments of curl for a token that its preset makes sense of.
fn example(url: &str, preset: &str) -> String {
    match preset {
        "oidc" | "github-actions" => format!("'{url}/mint?preset=github-actions' -d '{{\"ref\":\"refs/heads/main\"}}'"),
        preset => format!("'{url}/mint?preset={preset}' -d '{{}}'"),
    }
}
