//! The client: connections that are kept alive, each with one request at a time. What it costs is not counted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow, bail, ensure};

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
        let head = "POST /token HTTP/1.1\r\nHost: sts.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
        let answer = self.ask(&format!("{head}{}\r\n\r\n{form}", form.len()))?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "no token: {answer}");
        Ok(())
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
        let open = |_| {
            let mut connection = Connection::over(TcpStream::connect(address)?)?;
            // A connection without any request is closed after five seconds, and minting may take longer.
            ensure!(connection.is_ready()?, "the server is not ready");
            Ok(connection)
        };
        (0..connections).map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Posts every form once, as fast as they are answered. Each must get its token.
    pub(crate) fn post(&mut self, forms: &[String]) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let work = &|connection: &mut Connection| {
            while let Some(form) = forms.get(next.fetch_add(1, Ordering::Relaxed)) {
                connection.exchange(form)?;
            }
            anyhow::Ok(())
        };
        thread::scope(|threads| {
            let running: Vec<_> = self.0.iter_mut().map(|connection| threads.spawn(move || work(connection))).collect();
            running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
        })
    }
}
