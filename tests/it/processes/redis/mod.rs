//! Servers of one Redis: how they refuse to start, what they do when it fails them, how several agree.

mod beginning_anew;
mod nodes;
mod refusals;
mod revoking;
mod tls;
mod trouble;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::cli::dev_issuer::MintRequest;
use cambist::domain::random_bytes;
use tempfile::TempDir;

use crate::servers::{RedisOptions, RedisServer};
use crate::support::{LocalIssuer, Server, ServerOptions, Trail, eventually};

/// What the servers of one store share: issuers, the password of the store, the key that wraps the key ring.
struct Site {
    /// Its tokens are good for one exchange.
    once: LocalIssuer,
    /// Its tokens need no memory.
    reusable: LocalIssuer,
    secrets: TempDir,
}

const PASSWORD: &str = "password-of-the-user-cambist";

impl Site {
    fn new() -> Self {
        let site = Self { once: LocalIssuer::start(), reusable: LocalIssuer::start(), secrets: tempfile::tempdir().unwrap() };
        let key = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
        for (name, secret) in [("encryption.key", &*key), ("password", PASSWORD)] {
            Trail::secret(secret);
            site.write(name, secret);
        }
        site
    }

    /// A secret file.
    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.secrets.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The user that the documentation shows, on a Redis with these options beside it.
    fn redis(options: RedisOptions) -> RedisServer {
        RedisServer::start(&RedisOptions { users: vec![RedisOptions::documented_user(PASSWORD)], ..options })
    }

    /// A node with a store of this URL and these further lines.
    fn options(&self, node: &str, url: &str, lines: &str) -> ServerOptions {
        let trust = self.once.trust().replace("[target.deploy]\n", "[target.deploy]\nintrospection = [\"inspector\"]\n");
        let options = ServerOptions::trusting(&format!("{trust}{}{INSPECTOR}", reusable(self.reusable.url())));
        let secret = |name: &str| self.secrets.path().join(name).display().to_string();
        let store = format!(
            "[store]\nurl = '{url}'\nusername = 'cambist'\npassword = {{ file = '{}' }}\n{lines}\n\
             [keys]\nencryption_keys = [{{ file = '{}' }}]\n",
            secret("password"),
            secret("encryption.key"),
        );
        let config = options.config.replace("\"n1\"", &format!("\"{node}\"")) + &store;
        ServerOptions { config, aged_store: false, ..options }
    }

    /// A node that is not started.
    fn prepare(&self, node: &str, url: &str) -> Server {
        Server::prepare(&self.options(node, url, ""))
    }

    /// A running node on a new store whose first fence is behind us.
    fn first(&self, redis: &RedisServer) -> Server {
        let mut server = self.prepare("n1", &redis.url());
        let (code, said) = server.command(&["store", "init"]);
        assert_eq!(code, Some(0), "{said}");
        lower_the_fence(redis);
        server.restart();
        until_ready(&server);
        server
    }

    /// Another node of the same store.
    fn another(&self, node: &str, redis: &RedisServer) -> Server {
        let server = Server::start(&self.options(node, &redis.url(), ""));
        until_ready(&server);
        server
    }

    fn reusable_token(&self) -> String {
        self.reusable.mint(&MintRequest::of("oidc"))
    }
}

/// Who may ask about tokens for the target `deploy`.
const INSPECTOR: &str = r#"
[target.sts]
audience = "https://sts.example"
owner = "o@example.com"
scopes = { introspect = "Ask about tokens" }
[trust.inspector]
issuer = "github"
owner = "o@example.com"
purpose = "To ask about tokens"
review_by = 2099-12-31
when = { repository_id = "604417739", environment = "production" }
grant = [{ target = "sts", scopes = ["introspect"] }]
"#;

fn reusable(url: &str) -> String {
    format!(
        r#"
[issuer.batch]
preset = "oidc"
url = "{url}"
network = "loopback"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"
[trust.nightly]
issuer = "batch"
owner = "o@example.com"
purpose = "To see what needs no store"
review_by = 2099-12-31
when = {{ sub = "workload-example" }}
grant = [{{ target = "deploy", scopes = ["deploy:web", "status:read"] }}]
"#
    )
}

/// As if the tokens of the test were of a time after the fence.
fn lower_the_fence(redis: &RedisServer) {
    redis.command(&["HSET", FENCE, "until", "0"]);
}

/// Waits until the keys of both issuers are known and nothing is wrong.
fn until_ready(server: &Server) {
    eventually("the server is ready", || {
        let ready = server.admin("/readyz").json();
        let known = |issuer: &serde_json::Value| issuer["usable_keys"].as_u64() > Some(0);
        ready["status"] == "ready" && ready["issuers"].as_array().unwrap().iter().all(known)
    });
}

/// What is wrong by this word, in a sentence; empty for nothing.
fn note(server: &Server, word: &str) -> String {
    server.admin("/readyz").json()["notes"][word].as_str().unwrap_or_default().to_owned()
}

/// How many lines of the process log say this of that trouble.
fn told(server: &Server, message: &str, word: &str) -> usize {
    let lines = server.process_log();
    let is = |line: &&str| line.contains(&format!("\"message\":\"{message}\"")) && line.contains(&format!("\"degraded\":\"{word}\""));
    lines.lines().filter(is).count()
}

fn toml_path(path: &Path) -> String {
    format!("'{}'", path.display())
}

const FENCE: &str = "cambist:{00}:v1:fence";
