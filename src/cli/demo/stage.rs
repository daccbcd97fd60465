//! What the demo plays on: a development issuer, a server and a temporary store, all on loopback, removed at the end.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::app::{App, Edges, Listeners, Running};
use crate::cli::dev_issuer::{DevIssuer, DevIssuerServer, MintRequest};
use crate::cli::output::Paint;
use crate::config::Settings;
use crate::document::Diagnostics;
use crate::domain::{Clock, DecisionId, ManualClock, Seconds, SystemClock};
use crate::outbound::HttpFetch;

/// Removed when it is dropped, whatever happened.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that runs.
pub(super) struct Stage {
    issuer: DevIssuerServer,
    running: Running,
    token_endpoint: String,
    previous: Mutex<Option<String>>,
    folder: Folder,
}

impl Stage {
    pub(super) async fn set() -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let folder = Folder(std::env::temp_dir().join(format!("cambist-demo-{}", DecisionId::random_at(clock.unix_millis()))));
        fs::DirBuilder::new().mode(0o700).create(&folder.0)?;
        let listeners = Listeners::on_loopback().await?;
        let own_url = format!("http://{}", listeners.public_address());
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let issuer = DevIssuerServer::start(loopback, own_url.clone(), Arc::clone(&clock)).await?;
        write_files(&folder.0, &own_url, issuer.url())?;

        let diagnostics = Diagnostics::new();
        let Some(settings) = Settings::load(&folder.0.join("cambist.toml"), &diagnostics) else {
            bail!("the demo's own configuration is refused: {}", diagnostics.sorted().first().map(ToString::to_string).unwrap_or_default());
        };
        // A new store refuses tokens from before its time, because it cannot know whether they were spent. The demo's issuer is
        // younger than its store: nothing can have been spent, so the store may be a minute old.
        let a_minute_ago = ManualClock::at(clock.now() - Seconds(60));
        App::prepare_store(&settings, Arc::new(a_minute_ago)).await?;
        let app = App::build(settings, Edges { clock, fetch: Arc::new(HttpFetch::new()) }).await?;
        let running = Running::start(app, listeners);
        let token_endpoint = format!("{own_url}/token");
        Ok(Self { issuer, running, token_endpoint, previous: Mutex::new(None), folder })
    }

    pub(super) fn token_endpoint(&self) -> &str {
        &self.token_endpoint
    }

    /// A token of the demo's issuer; kept as the previous one.
    pub(super) fn mint(&self, request: &MintRequest) -> anyhow::Result<String> {
        let token = self.issuer().mint(request)?;
        *self.previous.lock().map_err(|_| anyhow::anyhow!("a scene panicked"))? = Some(token.clone());
        Ok(token)
    }

    pub(super) fn forge(&self, request: &MintRequest) -> anyhow::Result<String> {
        self.issuer().forge(request)
    }

    pub(super) fn previous(&self) -> anyhow::Result<String> {
        self.previous.lock().ok().and_then(|token| token.clone()).context("no token was minted before")
    }

    fn issuer(&self) -> &DevIssuer {
        self.issuer.issuer()
    }

    /// The line of the decision log. It is written before the answer, except for failures before the signature, which may be a moment
    /// behind it.
    pub(super) async fn decision(&self, id: &str) -> anyhow::Result<Value> {
        for _ in 0..100 {
            let log = fs::read_to_string(self.folder.0.join("state/decisions.jsonl"))?;
            let line = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["decision"] == id);
            if let Some(line) = line {
                return Ok(line);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("decision {id} is not in the log")
    }

    pub(super) fn introduction(&self, paint: Paint) -> String {
        format!(
            "{}\n\n  issuer  {}  mints tokens as GitHub Actions does\n  cambist {}  trusts it by these rules:\n\n{}",
            paint.bold("cambist demo: a CI job swaps its platform's token for one that opens exactly one door"),
            self.issuer.url(),
            self.token_endpoint.trim_end_matches("/token"),
            indent(TRUST.split_once("[trust.web-shop]").map_or(TRUST, |(_, rule)| rule).trim()),
        )
    }

    /// How to try it by hand.
    pub(super) fn invitation(&self, paint: Paint) -> String {
        let log = self.folder.0.join("state/decisions.jsonl");
        format!(
            "\n{}\n\n  TOKEN=$(curl -s '{}/mint?preset=github-actions' -d '{{\"ref\":\"refs/heads/release-1.2\"}}')\n  \
             curl -s {} \\\n    -d grant_type={} \\\n    -d subject_token_type=urn:ietf:params:oauth:token-type:id_token -d subject_token=$TOKEN \\\n    \
             -d audience=https://deploy.example.com -d scope=deploy:web\n\n  Decisions: {}\n  Ctrl-C ends it.",
            paint.bold("Both are running. Try it:"),
            self.issuer.url(),
            self.token_endpoint,
            crate::exchange::TOKEN_EXCHANGE,
            log.display(),
        )
    }

    /// Stops everything.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        self.running.drain(Duration::from_secs(5)).await;
        self.issuer.stop().await;
        Ok(())
    }
}

fn write_files(folder: &Path, own_url: &str, issuer_url: &str) -> anyhow::Result<()> {
    fs::create_dir(folder.join("trust"))?;
    fs::write(folder.join("cambist.toml"), format!("issuer = \"{own_url}\"\n"))?;
    fs::write(folder.join("trust/demo.toml"), TRUST.replace("{issuer}", issuer_url))?;
    Ok(())
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}

const TRUST: &str = include_str!("trust.toml");
