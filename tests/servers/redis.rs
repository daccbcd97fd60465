//! One `redis-server`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{RedisResult, Value};
use tempfile::TempDir;

use super::clock::ClockFile;
use super::commands::{self, HARNESS};
use super::options::{Persistence, RedisOptions};
use super::port::Port;
use super::process::Process;
use super::wait::within;

/// What a process of the program `redis-server` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Server,
    Sentinel,
    ClusterNode,
}

/// A server on free ports of 127.0.0.1, in a folder of its own. Every method may be called from any thread.
pub(crate) struct RedisServer {
    kind: Kind,
    options: RedisOptions,
    plain: Port,
    tls: Option<Port>,
    bus: Option<Port>,
    process: Process,
    /// Dropped after the process.
    folder: TempDir,
}

impl RedisServer {
    /// Starts it and waits until it answers.
    pub(crate) fn start(options: &RedisOptions) -> Self {
        Self::launch(Kind::Server, options)
    }

    pub(super) fn launch(kind: Kind, options: &RedisOptions) -> Self {
        for _ in 0..5 {
            let server = Self::prepare(kind, options.clone());
            server.process.start();
            if server.becomes_ready() {
                return server;
            }
            let log = server.log();
            // Somebody who does not claim ports as we do was faster.
            assert!(log.contains("Address already in use"), "redis-server does not start:\n{log}");
        }
        panic!("no port for redis-server stays free");
    }

    fn prepare(kind: Kind, options: RedisOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (plain, tls) = (Port::claim(), options.tls.as_ref().map(|_| Port::claim()));
        let bus = (kind == Kind::ClusterNode).then(Port::claim);
        fs::create_dir(folder.path().join("data")).unwrap();
        let file = folder.path().join("redis.conf").to_str().unwrap().to_owned();
        let mut program = vec!["redis-server".to_owned(), file];
        program.extend((kind == Kind::Sentinel).then(|| "--sentinel".to_owned()));
        let environment = options.clock.as_ref().map_or_else(Vec::new, ClockFile::environment);
        let process = Process::new(program, environment, folder.path().join("log"));
        let server = Self { kind, options, plain, tls, bus, process, folder };
        fs::write(server.folder.path().join("redis.conf"), server.configuration().join("\n") + "\n").unwrap();
        server
    }

    /// Whether it answers before it ends. A server that loads its data does not answer yet.
    fn becomes_ready(&self) -> bool {
        let mut answers = false;
        within(Duration::from_secs(40), || {
            answers = commands::send(self.port(), &["PING"]).is_ok();
            answers || !self.process.is_running()
        });
        answers
    }

    /// The port of plain TCP.
    pub(crate) fn port(&self) -> u16 {
        self.plain.number()
    }

    /// The port of TLS. Panics without TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.tls.as_ref().expect("the server was started with TLS").number()
    }

    /// The port of the cluster bus. Panics outside of a cluster.
    pub(super) fn bus_port(&self) -> u16 {
        self.bus.as_ref().expect("the server is a node of a cluster").number()
    }

    /// Where other servers reach it: with TLS when it has any.
    pub(super) fn peer_port(&self) -> u16 {
        self.tls.as_ref().unwrap_or(&self.plain).number()
    }

    /// Host and port of plain TCP.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// `redis://…`, or `rediss://…` when it speaks TLS.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.peer_port())
    }

    /// The folder of its data: snapshots, append-only files, `nodes.conf`.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its process id. Panics when it is down.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether the process exists; a stopped one does.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// What it printed, all starts together.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    /// Starts it again with its data, after a `kill -9` when it runs, and waits until it answers.
    pub(crate) fn restart(&self) {
        self.process.start();
        assert!(self.becomes_ready(), "redis-server does not start again:\n{}", self.log());
    }

    /// The same without its data.
    pub(crate) fn restart_empty(&self) {
        self.kill();
        self.remove_data();
        self.restart();
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub(crate) fn stop_process(&self) {
        self.process.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn continue_process(&self) {
        self.process.signal("CONT");
    }

    /// One command of a user who may do everything. Panics on an error.
    pub(crate) fn command(&self, words: &[&str]) -> Value {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?} to port {}: {error}", self.port()))
    }

    /// The same, with the error. Waits at most five seconds.
    pub(crate) fn try_command(&self, words: &[&str]) -> RedisResult<Value> {
        commands::send(self.port(), words)
    }

    /// The fields of a section of INFO.
    pub(crate) fn info(&self, section: &str) -> BTreeMap<String, String> {
        commands::fields(&commands::text(&self.command(&["INFO", section])))
    }

    /// Copies its data into an empty folder, as a backup would; a running server with snapshots makes one first.
    pub(crate) fn copy_data_to(&self, folder: &Path) {
        if self.options.persistence == Persistence::Rdb && self.is_running() {
            self.command(&["SAVE"]);
        }
        copy(&self.dir(), folder);
    }

    /// `kill -9`, then a start with the data of [`Self::copy_data_to`] in place of its own.
    pub(crate) fn put_data_back(&self, folder: &Path) {
        self.kill();
        self.remove_data();
        copy(folder, &self.dir());
        self.restart();
    }

    fn remove_data(&self) {
        fs::remove_dir_all(self.dir()).unwrap();
        fs::create_dir(self.dir()).unwrap();
    }

    fn configuration(&self) -> Vec<String> {
        let mut lines: Vec<String> = ["bind 127.0.0.1", "daemonize no", "loglevel notice", HARNESS].map(String::from).into();
        lines.push(format!("port {}", self.port()));
        lines.push(format!("dir {}", self.dir().display()));
        if self.kind != Kind::Sentinel {
            lines.extend(self.options.of_a_server());
        }
        if let Some(bus) = &self.bus {
            lines.extend(["cluster-enabled yes".into(), format!("cluster-port {}", bus.number())]);
        }
        if let (Some(files), Some(port)) = (&self.options.tls, &self.tls) {
            lines.extend(files.lines(port.number()));
        }
        if let Some(password) = &self.options.password {
            lines.push(format!("requirepass {password}"));
        }
        lines.extend(self.options.users.iter().map(|user| format!("user {user}")));
        lines.extend(self.options.lines.clone());
        lines
    }
}

/// Copies files and folders below `from`.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
