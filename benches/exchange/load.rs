//! The client: connections that are kept alive, each with one request at a time. What it costs is not counted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use cambist::domain::{Clock as _, SystemClock};

/// Longest answer.
const BUFFER: usize = 8 * 1024;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn over(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    /// Whether the server says that it is.
    pub(crate) fn is_ready(&mut self) -> anyhow::Result<bool> {
        let answer = self.ask("GET /readyz HTTP/1.1\r\nHost: sts.example.com\r\n\r\n")?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    }

    fn exchange(&mut self, form: &str) -> anyhow::Result<()> {
        self.send(&post("/token", "", form)).map(drop)
    }

    /// Sends a whole request; the answer, which must be a good one.
    pub(crate) fn send(&mut self, request: &str) -> anyhow::Result<&str> {
        let answer = self.ask(request)?;
        ensure!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("{\"active\":false}"), "refused: {answer}");
        Ok(answer)
    }

    fn ask(&mut self, request: &str) -> anyhow::Result<&str> {
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        while !is_whole(&self.buffer[..filled])? {
            match self.stream.read(&mut self.buffer[filled..])? {
                0 => bail!("the server closed the connection, or its answer is too long"),
                count => filled += count,
            }
        }
        Ok(std::str::from_utf8(&self.buffer[..filled])?)
    }
}

/// The text of a request with a form. Each header ends with its line.
pub(crate) fn post(path: &str, headers: &str, form: &str) -> String {
    let usual = "Host: sts.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded";
    format!("POST {path} HTTP/1.1\r\n{usual}\r\n{headers}Content-Length: {}\r\n\r\n{form}", form.len())
}

fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let text = std::str::from_utf8(answer)?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(false) };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    Ok(body.len() >= length.context("an answer without Content-Length")?)
}

/// Connections to one server.
pub(crate) struct Load(Vec<Connection>);

impl Load {
    pub(crate) fn open(address: &str, connections: usize) -> anyhow::Result<Self> {
        Self::spread(&[address], connections)
    }

    /// So many connections, spread evenly over several servers.
    pub(crate) fn spread(addresses: &[&str], connections: usize) -> anyhow::Result<Self> {
        let open = |index: usize| {
            let mut connection = Connection::over(TcpStream::connect(addresses[index % addresses.len()])?)?;
            // A connection without any request is closed after five seconds, and minting may take longer.
            ensure!(connection.is_ready()?, "the server is not ready");
            Ok(connection)
        };
        (0..connections).map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Posts every form once, as fast as they are answered. Each must get its token.
    pub(crate) fn post(&mut self, forms: &[String]) -> anyhow::Result<()> {
        self.each(forms, |connection, _, form| connection.exchange(form)).map(drop)
    }

    /// Posts every form once, each when it is due: so many in a second, whatever becomes of those before. How long each took since it was
    /// due, and how long all did.
    pub(crate) fn post_paced(&mut self, forms: &[String], rate: u32) -> anyhow::Result<(Vec<Duration>, Duration)> {
        let clock = SystemClock::new();
        let took = self.paced(forms, rate, &clock, Connection::exchange)?;
        Ok((took, clock.monotonic()))
    }

    /// Sends every request once, as fast as they are answered.
    pub(crate) fn send(&mut self, requests: &[String]) -> anyhow::Result<()> {
        self.each(requests, |connection, _, request| connection.send(request).map(drop)).map(drop)
    }

    /// Sends every request once, each when it is due: so many in a second. How long each took since it was due.
    pub(crate) fn send_paced(&mut self, requests: &[String], rate: u32) -> anyhow::Result<Vec<Duration>> {
        self.paced(requests, rate, &SystemClock::new(), |connection, request| connection.send(request).map(drop))
    }

    fn paced(
        &mut self,
        texts: &[String],
        rate: u32,
        clock: &SystemClock,
        work: impl Fn(&mut Connection, &str) -> anyhow::Result<()> + Sync,
    ) -> anyhow::Result<Vec<Duration>> {
        self.each(texts, |connection, index, text| {
            let due = due(index, rate);
            thread::sleep(due.saturating_sub(clock.monotonic()));
            work(connection, text)?;
            Ok(clock.monotonic().saturating_sub(due))
        })
    }

    /// Every form once, at the next connection that is free, in their order.
    fn each<T: Send>(
        &mut self,
        forms: &[String],
        work: impl Fn(&mut Connection, usize, &str) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let work = &|connection: &mut Connection| {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(form) = forms.get(index) else { return anyhow::Ok(done) };
                done.push(work(connection, index, form)?);
            }
        };
        thread::scope(|threads| {
            let running: Vec<_> = self.0.iter_mut().map(|connection| threads.spawn(move || work(connection))).collect();
            let mut done = Vec::with_capacity(forms.len());
            for thread in running {
                done.extend(thread.join().map_err(|_| anyhow!("a client panicked"))??);
            }
            Ok(done)
        })
    }
}

/// When the one of that index is due, at so many in a second.
pub(crate) fn due(index: usize, rate: u32) -> Duration {
    // No test lasts so long that a number of microseconds does not fit.
    Duration::from_micros(u64::try_from(index).unwrap_or(u64::MAX).saturating_mul(1_000_000) / u64::from(rate))
}
