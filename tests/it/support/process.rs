//! The real binary, as a process that ends with the test.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cambist::app::App;
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{Clock as _, ManualClock, Seconds, SystemClock};
use serde_json::Value;
use tempfile::TempDir;

use super::app::decisions_in;
use super::{Answer, Client, OWN_ISSUER, Trail, eventually};

/// How a server is started.
pub(crate) struct ServerOptions {
    /// `cambist.toml`, with `{public}` and `{admin}` for the addresses.
    pub(crate) config: String,
    /// `trust/test.toml`.
    pub(crate) trust: String,
    /// Whether its store existed before: a server that makes its own fences the tokens of the next seconds.
    pub(crate) aged_store: bool,
    /// Variables of its environment, such as those of another clock.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
}

impl ServerOptions {
    /// A server that logs all it can, with this trust and a store that is a hundred seconds old.
    pub(crate) fn trusting(trust: &str) -> Self {
        let listen = "[listen]\npublic = \"{public}\"\nadmin = \"{admin}\"\n";
        let config =
            format!("issuer = \"{OWN_ISSUER}\"\n{listen}[decisions]\nnode = \"n1\"\n[log]\nlevel = \"trace\"\nformat = \"json\"\n");
        Self { config, trust: trust.into(), aged_store: true, environment: Vec::new() }
    }
}

/// A `cambist serve` on free ports.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) public: String,
    pub(crate) admin: String,
    log: PathBuf,
    environment: Vec<(&'static str, PathBuf)>,
    child: Option<Child>,
}

impl Server {
    /// Writes the files, chooses free ports, and starts it. Waits until it answers.
    pub(crate) fn start(options: &ServerOptions) -> Self {
        let mut server = Self::prepare(options);
        server.restart();
        server
    }

    /// Writes the files and chooses free ports, and leaves the start to the test.
    pub(crate) fn prepare(options: &ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (public, admin) = (free_address(), free_address());
        fs::create_dir(folder.path().join("trust")).unwrap();
        let config = options.config.replace("{public}", &public).replace("{admin}", &admin);
        fs::write(folder.path().join("cambist.toml"), config).unwrap();
        fs::write(folder.path().join("trust/test.toml"), &options.trust).unwrap();
        let (log, environment) = (Trail::new_file("serve"), options.environment.clone());
        let server = Self { folder, public, admin, log, environment, child: None };
        if options.aged_store {
            let settings = Settings::load(&server.config_file(), &Diagnostics::new()).expect("the configuration of the test is good");
            let then = SystemClock::new().now() - Seconds(100);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(App::prepare_store(&settings, Arc::new(ManualClock::at(then)))).unwrap();
        }
        server
    }

    /// Starts it again, after [`Self::kill`] or [`Self::terminate`], and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        let (mut client, log) = (Client::of(&self.admin), self.log.clone());
        let child = self.child.as_mut().unwrap();
        eventually("cambist serve answers", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("cambist serve ended at once with {status}; see {}", log.display());
            }
            // It listens before it has read its files, and answers afterwards. The admin listener never speaks TLS here.
            client.get("/livez").is_ok()
        });
    }

    /// Starts it without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
        command.args(["serve", "--config"]).arg(self.config_file());
        let log = || fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        command.stdin(Stdio::null()).stdout(log()).stderr(log()).envs(self.environment.iter().cloned());
        self.child = Some(command.spawn().unwrap());
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("cambist.toml")
    }

    /// The one trust file.
    pub(crate) fn trust_file(&self) -> PathBuf {
        self.folder.path().join("trust/test.toml")
    }

    /// Waits for a checkpoint in the log: before the first one nothing vouches for it.
    pub(crate) fn until_signed(&self) {
        super::eventually("the log has a checkpoint", || {
            let log = fs::read(self.log_file()).unwrap_or_default();
            String::from_utf8_lossy(&log).contains(r#""kind":"checkpoint""#)
        });
    }

    /// The decision log.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("state/decisions.jsonl")
    }

    /// What it said on standard error, all starts together.
    pub(crate) fn process_log(&self) -> String {
        fs::read_to_string(self.process_log_file()).unwrap()
    }

    /// The file of that.
    pub(crate) fn process_log_file(&self) -> &Path {
        &self.log
    }

    /// The lines of the decision log that are about requests.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        decisions_in(&self.log_file())
    }

    /// A client of the public listener.
    pub(crate) fn client(&self) -> Client {
        Client::of(&self.public)
    }

    /// Exchanges a token, on a connection of its own.
    pub(crate) fn exchange(&self, token: &str) -> Answer {
        self.client().exchange(token).expect("the server answers")
    }

    /// GET on the admin listener.
    pub(crate) fn admin(&self, path: &str) -> Answer {
        Client::of(&self.admin).get(path).expect("the admin listener answers")
    }

    /// What is wrong, by the words of `/readyz`.
    pub(crate) fn degraded(&self) -> Vec<String> {
        let words = self.admin("/readyz").json()["degraded"].clone();
        serde_json::from_value(words).expect("the detailed readiness names what is degraded")
    }

    /// Removes the database and what SQLite keeps beside it.
    pub(crate) fn delete_database(&self) {
        for name in ["cambist.db", "cambist.db-wal", "cambist.db-shm"] {
            let _ = fs::remove_file(self.folder.path().join("state").join(name));
        }
        assert!(!self.folder.path().join("state/cambist.db").exists());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal by name, as `kill` does.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id();
        let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended().code()
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        eventually("cambist serve ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Runs another command of the binary beside it: exit code and everything it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        run_in(&self.environment, arguments, Some(&self.config_file()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // For the search for secrets at the end of a run.
        if self.log_file().exists() {
            fs::copy(self.log_file(), Trail::new_file("decisions")).unwrap();
        }
        if let Ok(key) = fs::read_to_string(self.folder.path().join("state/encryption.key")) {
            Trail::secret(key.trim());
        }
    }
}

/// Runs a command of the binary: exit code and everything it printed.
pub(crate) fn run(arguments: &[&str], config: Option<&Path>) -> (Option<i32>, String) {
    run_in(&[], arguments, config)
}

fn run_in(environment: &[(&'static str, PathBuf)], arguments: &[&str], config: Option<&Path>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
    command.args(arguments).stdin(Stdio::null()).envs(environment.iter().cloned());
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Trail::log_file("command").write_all(text.as_bytes()).unwrap();
    (output.status.code(), text)
}

/// An address that nobody listens on. Below the ports that the operating system gives to clients: none of them can take it while a
/// server is down between two starts.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 200 * 100;
    loop {
        let port = 10_000 + (first + NEXT.fetch_add(1, Ordering::SeqCst)) % 20_000;
        let address = format!("127.0.0.1:{port}");
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Waits a little, between two looks at something.
pub(crate) fn a_moment() {
    std::thread::sleep(Duration::from_millis(3));
}
