//! The real binary, as a process of its own.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::bail;
use cambist::cli::dev_issuer::DevIssuer;
use cambist::domain::{Clock as _, SystemClock};

use crate::cpu;
use crate::load::Connection;
use crate::site::{Plan, Site};

pub(crate) struct Server {
    pub(crate) site: Site,
    pub(crate) address: String,
    binary: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// Of this build.
    pub(crate) fn prepare(issuer: &DevIssuer, plan: Plan<'_>) -> anyhow::Result<Self> {
        Self::of_binary(env!("CARGO_BIN_EXE_cambist").as_ref(), issuer, plan)
    }

    /// Of any build.
    pub(crate) fn of_binary(binary: &Path, issuer: &DevIssuer, plan: Plan<'_>) -> anyhow::Result<Self> {
        let (public, admin) = (free_address()?, free_address()?);
        let site = Site::new(issuer, plan, [&public, &admin])?;
        Ok(Self { site, address: public, binary: binary.into(), child: None })
    }

    /// Starts it; the time until `/readyz` says 200.
    pub(crate) fn start(&mut self) -> anyhow::Result<Duration> {
        let log = File::create(self.site.path("server.log"))?;
        let clock = SystemClock::new();
        let started = clock.monotonic();
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--config").arg(self.site.config());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        while !self.is_ready() {
            if let Some(status) = child.try_wait()? {
                bail!("cambist serve ended with {status}: {}", std::fs::read_to_string(self.site.path("server.log"))?);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
        Ok(clock.monotonic().saturating_sub(started))
    }

    /// Ends it. Its store and its log stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<[Duration; 2]> {
        cpu::of_process(self.pid())
    }

    /// In bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        cpu::peak_memory(self.pid())
    }

    /// For a profiler too.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    fn is_ready(&self) -> bool {
        // It listens before it loads trust; the answer comes when that is done.
        let Ok(stream) = TcpStream::connect(&self.address) else { return false };
        Connection::over(stream).is_ok_and(|mut connection| connection.is_ready().unwrap_or(false))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
