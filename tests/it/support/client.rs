//! A workload's side of the wire, by hand: so that a test decides about every byte.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use cambist::exchange::TOKEN_EXCHANGE;

use super::{Answer, DEPLOY, Trail};

/// One connection at a time, kept alive; a new one after a failure.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn of(address: &str) -> Self {
        Self { address: address.parse().unwrap(), connection: None }
    }

    /// Exchanges a token for [`DEPLOY`].
    pub(crate) fn exchange(&mut self, token: &str) -> io::Result<Answer> {
        let answer = self.send(exchange_request(token).as_bytes())?;
        if let Some(token) = answer.token() {
            Trail::token(&token);
        }
        Ok(answer)
    }

    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes())
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(connect(&self.address)?),
        };
        connection.get_mut().write_all(request)?;
        let answer = read_answer(&mut connection)?;
        if !answer.header("connection").eq_ignore_ascii_case("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

/// A connection that gives up after a while.
pub(crate) fn connect(address: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The bytes of a good exchange for [`DEPLOY`].
pub(crate) fn exchange_request(token: &str) -> String {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", TOKEN_EXCHANGE)
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
        .append_pair("subject_token", token)
        .append_pair("audience", DEPLOY)
        .append_pair("scope", "deploy:web")
        .finish();
    let head = "POST /token HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

/// The same with another header.
pub(crate) fn exchange_request_with(token: &str, header: &str) -> String {
    exchange_request(token).replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

/// Reads one answer; fails when the connection ends before it does.
pub(crate) fn read_answer(connection: &mut impl BufRead) -> io::Result<Answer> {
    let status = read_line(connection)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse::<StatusCode>().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut headers = HeaderMap::new();
    loop {
        let line = read_line(connection)?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(Answer { status, headers, text: String::from_utf8(body).unwrap() })
}

fn read_line(connection: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    connection.take(16 * 1024).read_line(&mut line)?;
    if line.ends_with("\r\n") { Ok(line.trim_end().into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Looks again and again until it is so. Fails after a time that no healthy machine needs.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = now() + PATIENCE;
    while !is_so() {
        assert!(now() < deadline, "still not so after {PATIENCE:?}: {what}");
        super::a_moment();
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline for real processes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Until a test fails.
const PATIENCE: Duration = Duration::from_secs(40);
