//! The real binary, as a process that ends with the test.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Trail;

/// How a server is started.
pub(crate) struct ServerOptions {
    /// `cambist.toml`, with `{public}` and `{admin}` for the addresses.
    pub(crate) config: String,
    /// `trust/test.toml`.
    pub(crate) trust: String,
}

/// A `cambist serve` on free ports.
pub(crate) struct Server {
    pub(crate) folder: TempDir,
    pub(crate) public: String,
    pub(crate) admin: String,
    child: Option<Child>,
}

impl Server {
    /// Writes the files, chooses free ports, and starts it. Waits until it answers.
    pub(crate) fn start(options: &ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (public, admin) = (free_address(), free_address());
        fs::create_dir(folder.path().join("trust")).unwrap();
        let config = options.config.replace("{public}", &public).replace("{admin}", &admin);
        fs::write(folder.path().join("cambist.toml"), config).unwrap();
        fs::write(folder.path().join("trust/test.toml"), &options.trust).unwrap();
        let mut server = Self { folder, public, admin, child: None };
        server.restart();
        server
    }

    /// Starts it again, after [`Self::kill`] or [`Self::terminate`], and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        let deadline = now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&self.public).is_err() {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("cambist serve ended at once with {status}; see {}", Trail::folder().display());
            }
            assert!(now() < deadline, "cambist serve does not listen on {}", self.public);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it without waiting for anything.
    pub(crate) fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
        command.args(["serve", "--config"]).arg(self.config_file());
        command.stdin(Stdio::null()).stdout(Trail::log_file("serve-out")).stderr(Trail::log_file("serve"));
        self.child = Some(command.spawn().unwrap());
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("cambist.toml")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("state/decisions.jsonl")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
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
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        self.signal("TERM");
        self.child.take().unwrap().wait().unwrap().code().unwrap_or(-1)
    }

    /// Runs another command of the binary beside it: exit code and everything it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> (i32, String) {
        run(arguments, Some(&self.config_file()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command of the binary: exit code and everything it printed.
pub(crate) fn run(arguments: &[&str], config: Option<&Path>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
    command.args(arguments).stdin(Stdio::null());
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Trail::log_file("command").write_all(text.as_bytes()).unwrap();
    (output.status.code().unwrap_or(-1), text)
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[expect(clippy::disallowed_methods, reason = "a deadline for a real process")]
fn now() -> Instant {
    Instant::now()
}
