//! Trust directories, good and bad, as real files.

mod clients;
mod conditions;
mod errors;
mod issuers;
mod lints;
mod loading;
mod reloading;
mod running;
mod spiffe;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::document::Diagnostics;
use crate::domain::{IssuerUrl, Timestamp};

/// 2026-12-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_unix(1_796_083_200);

/// A registered issuer and target, for tests about something else.
const BASE: &str = r#"
[issuer.github]
preset = "github-actions"
owner = "platform"
[target.deploy]
audience = "https://deploy.test"
owner = "deploy"
[target.deploy.scopes]
read = "Read"
write = "Write"
"#;

/// A relationship that is in order.
const WEB: &str = r#"
[trust.web]
issuer = "github"
owner = "web"
purpose = "Deploy"
review_by = 2027-06-30
[trust.web.when]
repository_id = "1"
[[trust.web.grant]]
target = "deploy"
scopes = ["read"]
"#;

/// A trust directory.
struct Trust(TempDir);

impl Trust {
    fn of(files: &[(&str, &str)]) -> Self {
        let trust = Self(TempDir::new().unwrap());
        for (name, text) in files {
            trust.write(name, text);
        }
        trust
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn settings(&self) -> TrustSettings {
        settings(self.0.path())
    }

    fn load(&self) -> Result<CompiledTrust, Diagnostics> {
        load(&self.settings(), NOW)
    }

    /// Everything that is said about it, errors and warnings, with paths below the directory.
    fn report(&self) -> String {
        let text = match self.load() {
            Ok(trust) => trust.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(diagnostics) => diagnostics.to_string(),
        };
        text.replace(&format!("{}/", self.0.path().display()), "").replace(&self.0.path().display().to_string(), "DIR")
    }
}

fn settings(directory: &Path) -> TrustSettings {
    let own_issuer = IssuerUrl::parse("https://sts.example.com").unwrap();
    TrustSettings { directory: directory.into(), own_issuer, loopback_issuers: true }
}

/// What is said about one file.
fn report(text: &str) -> String {
    Trust::of(&[("t.toml", text)]).report()
}

/// What is said about one file beside `BASE`.
fn report_with_base(text: &str) -> String {
    Trust::of(&[("base.toml", BASE), ("t.toml", text)]).report()
}
