//! The listeners, over real sockets.

mod caps;
mod client_certificates;
mod deadlines;
mod drain;
mod framing;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::{Answers, BodyRoom, Form, OauthError};
use super::{ClientCertificate, Deadlines, ListenerSettings, PeerAddress, ServerHandle, Tracker, serve};
use crate::domain::IssuerUrl;

/// Far beyond what any step here takes: only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(30);

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Deadlines that tests need not wait for.
const SHORT: Deadlines = Deadlines {
    head: Duration::from_secs(1),
    idle: Duration::from_secs(2),
    write: Duration::from_millis(500),
    tick: Duration::from_millis(20),
};

fn answers() -> Answers {
    Answers::new(&IssuerUrl::parse("https://sts.test").unwrap())
}

/// `/peer` tells the peer, `/certificate` the client's certificate and the headers that speak of one, `/form` reads a form, one large one at a time, `/panic` does what it says, `/large` writes 64 MiB.
fn routes() -> Router {
    let room = BodyRoom::new(1);
    let form = async move |request: Request<Body>| {
        let (head, body) = request.into_parts();
        match Form::read(&head, body, &room).await {
            Ok(form) => answers().text(axum::http::StatusCode::OK, "text/plain", format!("{form:?}")),
            Err(error) => answers().error(&OauthError::from(error)),
        }
    };
    Router::new()
        .route("/peer", get(async |Extension(PeerAddress(peer)): Extension<PeerAddress>| peer.to_string()))
        .route("/certificate", get(certificate))
        .route("/form", post(form))
        .route("/panic", get(async || assert_eq!(1, 2, "expected in this test")))
        .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
}

async fn certificate(certificate: Option<Extension<ClientCertificate>>, request: Request<Body>) -> String {
    let headers = request.headers().keys().filter(|name| name.as_str().contains("cert")).count();
    format!("{}, {headers} headers", certificate.map_or("none".into(), |Extension(ClientCertificate(thumbprint))| thumbprint.to_string()))
}

async fn serve_with(settings: ListenerSettings, deadlines: Deadlines, router: Router) -> ServerHandle {
    let mut listener = settings.bind().await.unwrap();
    listener.deadlines = deadlines;
    serve(listener, router, answers(), Tracker::new(8))
}

async fn server() -> ServerHandle {
    serve_with(ListenerSettings::plaintext(LOOPBACK), super::DEADLINES, routes()).await
}

async fn impatient_server() -> ServerHandle {
    serve_with(ListenerSettings::plaintext(LOOPBACK), SHORT, routes()).await
}

async fn connect(server: &ServerHandle) -> TcpStream {
    TcpStream::connect(server.local_address()).await.unwrap()
}

/// Everything until the server closes the connection; a reset counts as a close.
async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server keeps the connection open");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends raw bytes on a new connection and reads until the server closes it.
async fn exchange(server: &ServerHandle, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(server).await;
    // The server may have said its last word before it has read ours.
    let _ = stream.write_all(request.as_ref()).await;
    read_to_close(&mut stream).await
}

/// Reads one answer with a `Content-Length` from a connection that stays open.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 1_024];
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("no answer").unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length =
            text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).and_then(|digits| digits.parse().ok());
        let complete = text.split_once("\r\n\r\n").is_some_and(|(_, body)| Some(body.len()) == length);
        if complete || count == 0 {
            return text;
        }
    }
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or("closed without an answer")
}

/// The answer without its `date` line, for snapshots.
fn undated(answer: &str) -> String {
    answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

const FORM_HEAD: &str = "POST /form HTTP/1.1\r\nHost: sts.test\r\nContent-Type: application/x-www-form-urlencoded\r\n";
