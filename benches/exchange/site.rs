//! Everything a server needs to find: configuration, trust, keys of the issuer, a store; and tokens to exchange.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::app::App;
use cambist::cli::dev_issuer::{DevIssuer, MintRequest};
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{Clock, IssuerUrl, ManualClock, Seconds, SystemClock};
use cambist::token::Algorithm;
use tempfile::TempDir;

/// `iss` of what the server issues, and `aud` of what it takes.
pub(crate) const OWN_ISSUER: &str = "https://sts.example.com";

/// Relationships in one trust file.
const PER_FILE: usize = 500;
/// The first repository; each relationship is about one.
const FIRST_ID: usize = 600_000_000;

/// What a site is to be.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) relationships: usize,
    /// The URL of a Redis store, which must be prepared before anything serves; none: SQLite, prepared with the site.
    pub(crate) redis: Option<&'a str>,
    /// Whether the issuer's tokens may be used again and again, so that the guard has nothing to do.
    pub(crate) reusable: bool,
}

impl Plan<'_> {
    /// With SQLite.
    pub(crate) fn with_relationships(relationships: usize) -> Self {
        Self { relationships, redis: None, reusable: false }
    }
}

/// A folder with a configuration and that many relationships.
pub(crate) struct Site {
    folder: TempDir,
    relationships: usize,
}

impl Site {
    pub(crate) fn new(issuer: &DevIssuer, plan: Plan<'_>, listen: [&str; 2]) -> anyhow::Result<Self> {
        // Below `target`, because the usual folder for temporary files may be in memory, where nothing waits for a disk.
        let site = Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?, relationships: plan.relationships };
        let [public, admin] = listen;
        let config = format!("issuer = \"{OWN_ISSUER}\"\n[listen]\npublic = \"{public}\"\nadmin = \"{admin}\"\n{UNLIMITED}");
        fs::write(site.config(), config + &site.store(plan.redis, &public.replace(':', "-"))?)?;
        fs::write(site.path("jwks.json"), issuer.key_set()?.to_string())?;
        fs::create_dir(site.path("trust"))?;
        let replay = if plan.reusable { "replay = \"reusable\"\ntoken_max_age = \"1h\"" } else { "" };
        let of_issuer = ISSUER.replace("{issuer}", issuer.url().as_str()).replace("{replay}", replay);
        fs::write(site.path("trust/issuer.toml"), of_issuer)?;
        for first in (0..plan.relationships).step_by(PER_FILE) {
            let file = site.path(&format!("trust/team-{:05}.toml", first / PER_FILE));
            fs::write(file, trust(first..plan.relationships.min(first + PER_FILE))?)?;
        }
        if plan.redis.is_none() {
            // A new store refuses tokens from before its time; this one is a minute old.
            site.prepare_store(Arc::new(ManualClock::at(SystemClock::new().now() - Seconds(60))))?;
        }
        Ok(site)
    }

    /// What the configuration says of store, keys and node.
    fn store(&self, redis: Option<&str>, node: &str) -> anyhow::Result<String> {
        let Some(url) = redis else { return Ok(String::new()) };
        let key = self.path("encryption.key");
        // Every node of a store has the same one.
        fs::write(&key, URL_SAFE_NO_PAD.encode([0x61; 32]))?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        Ok(format!(
            "[store]\nurl = \"{url}\"\n[keys]\nencryption_keys = [{{ file = \"encryption.key\" }}]\n[decisions]\nnode = \"{node}\"\n"
        ))
    }

    /// As `cambist store init` does it, at that time.
    pub(crate) fn prepare_store(&self, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
        Ok(tokio::runtime::Runtime::new()?.block_on(App::prepare_store(&self.settings()?, clock))?)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("cambist.toml")
    }

    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let diagnostics = Diagnostics::new();
        let settings = Settings::load(&self.config(), &diagnostics);
        settings.with_context(|| diagnostics.sorted().first().map(ToString::to_string).unwrap_or_default())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// Forms of good exchanges, each with a token of its own, spread over all relationships.
    pub(crate) fn forms(&self, issuer: &DevIssuer, count: usize) -> anyhow::Result<Vec<String>> {
        // A prime, so that neighbours in time are no neighbours in the files.
        let repository = |index: usize| FIRST_ID + index * 7_919 % self.relationships;
        in_halves(count, |index| Ok(FORM.replace("{token}", &token_of(issuer, repository(index))?)))
    }
}

/// A token of this repository.
pub(crate) fn token_of(issuer: &DevIssuer, repository: usize) -> anyhow::Result<String> {
    let request = MintRequest::of("github-actions")
        .with("repository_id", repository.to_string())
        .with("environment", "production")
        .with("ref", "refs/heads/release-1.2");
    issuer.mint(&MintRequest { algorithm: Some(Algorithm::Rs256), expires_in: Some(600), ..request })
}

/// So many, by two threads: first those of even index, then the others.
pub(crate) fn in_halves(count: usize, make: impl Fn(usize) -> anyhow::Result<String> + Sync) -> anyhow::Result<Vec<String>> {
    let half = |parity: usize| (parity..count).step_by(2).map(&make).collect::<anyhow::Result<Vec<_>>>();
    thread::scope(|threads| {
        let other = threads.spawn(|| half(1));
        let mut all = half(0)?;
        all.extend(other.join().map_err(|_| anyhow!("minting panicked"))??);
        Ok(all)
    })
}

/// An issuer in this process: only its signatures and its key set leave it.
pub(crate) fn issuer() -> anyhow::Result<DevIssuer> {
    DevIssuer::new(IssuerUrl::parse("https://issuer.example.com")?, OWN_ISSUER.into(), Arc::new(SystemClock::new()))
}

fn trust(indices: std::ops::Range<usize>) -> anyhow::Result<String> {
    let mut text = String::new();
    for index in indices {
        write!(text, "{}", RELATIONSHIP.replace("{index}", &index.to_string()).replace("{id}", &(FIRST_ID + index).to_string()))?;
    }
    Ok(text)
}

const ISSUER: &str = r#"
[issuer.github]
preset    = "github-actions"
url       = "{issuer}"
jwks_file = "../jwks.json"
owner     = "platform@example.com"
{replay}

[target.deploy]
audience = "https://deploy.example.com"
owner    = "deploy@example.com"
[target.deploy.scopes]
"deploy:web"  = "Deploy the web shop"
"status:read" = "Read deploy status"
"#;

const RELATIONSHIP: &str = r#"
[trust.service-{index}]
issuer    = "github"
owner     = "web@example.com"
purpose   = "Deploy service {index} from its release branches"
review_by = 2099-12-31
[trust.service-{index}.when]
repository_id = "{id}"
environment   = ["production", "staging"]
ref           = { glob = "refs/heads/release-*" }
[[trust.service-{index}.grant]]
target   = "deploy"
scopes   = ["deploy:web", "status:read"]
lifetime = "10m"
"#;

const FORM: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
    &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token&subject_token={token}\
    &audience=https%3A%2F%2Fdeploy.example.com&scope=deploy%3Aweb";

/// What is measured is what an exchange costs, and one relationship asks for all of them.
const UNLIMITED: &str = "[limits]\nper_peer = false\nper_relationship = false\nper_subject = false\n";
