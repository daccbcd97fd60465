//! An HTTP server that does exactly what a test tells it, and counts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// What one request gets.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whole lines, each ended by CRLF.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// Waits for a permit before it answers.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// Sends half of the body, and then nothing more.
    pub(crate) stalls: bool,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: String::new(), body: body.into(), gate: None, stalls: false }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }
}

/// Listens on a free port of 127.0.0.1 until dropped.
pub(crate) struct TestServer {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl TestServer {
    /// Answers each request by what `answer` makes of its path.
    pub(crate) async fn http(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(answer)).await
    }

    /// The same over TLS.
    pub(crate) async fn https(identity: &Identity, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(Some(identity.acceptor()), Arc::new(answer)).await
    }

    async fn start(tls: Option<TlsAcceptor>, answer: Arc<dyn Fn(&str) -> Answer + Send + Sync>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&seen), answer));
        Self { address, scheme, seen, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// TCP connections that were opened.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Request heads, as received.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// How many requests asked for this path.
    pub(crate) fn count(&self, path: &str) -> usize {
        let start = format!("GET {path} ");
        self.requests().iter().filter(|head| head.starts_with(&start)).count()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Arc<Seen>, answer: Arc<dyn Fn(&str) -> Answer + Send + Sync>) {
    while let Ok((stream, _)) = listener.accept().await {
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, seen, answer) = (tls.clone(), Arc::clone(&seen), Arc::clone(&answer));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &seen, &*answer).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &seen, &*answer).await;
                    }
                }
            }
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Seen, answer: &(dyn Fn(&str) -> Answer + Send + Sync)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.requests.lock().unwrap().push(head);
    let answer = answer(&path);
    if let Some(gate) = &answer.gate {
        drop(gate.acquire().await);
    }
    // No length: the end of the connection is the end of the body, so nothing warns the client of its size.
    let start = format!("HTTP/1.1 {} X\r\nconnection: close\r\n{}\r\n", answer.status, answer.headers);
    let sent = if answer.stalls { &answer.body[..answer.body.len() / 2] } else { &answer.body[..] };
    let written = async {
        stream.write_all(start.as_bytes()).await?;
        stream.write_all(sent).await?;
        stream.flush().await
    };
    if written.await.is_ok() && answer.stalls {
        std::future::pending::<()>().await;
    }
    drop(stream.shutdown().await);
}

/// A private certificate authority.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// For a `ca_file`.
    pub(crate) pem: String,
}

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    /// A certificate for this machine.
    pub(crate) fn identity(&self) -> Identity {
        self.identity_of(&["localhost", "127.0.0.1"])
    }

    pub(crate) fn identity_of(&self, names: &[&str]) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.der().clone(), key: key.serialize_der() }
    }
}

impl Identity {
    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
