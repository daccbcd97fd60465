//! Issuers on loopback, for servers that are processes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use cambist::cli::dev_issuer::{DevIssuerServer, MintRequest};
use cambist::domain::{Clock as _, SystemClock, TokenId};
use cambist::token::Algorithm;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{self, ES256, JwsHeader};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{OWN_ISSUER, Trail};

/// The development issuer, in a runtime of its own.
pub(crate) struct LocalIssuer {
    server: DevIssuerServer,
    _runtime: Runtime,
}

impl LocalIssuer {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let starting = DevIssuerServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), OWN_ISSUER.into(), Arc::new(SystemClock::new()));
        let server = runtime.block_on(starting).unwrap();
        Self { server, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// A token of the release branch, never seen before.
    pub(crate) fn token(&self) -> String {
        self.mint(&release())
    }

    pub(crate) fn mint(&self, request: &MintRequest) -> String {
        let token = self.server.issuer().mint(request).unwrap();
        Trail::token(&token);
        token
    }

    /// Trust in this issuer: [`TRUST`] with its URL.
    pub(crate) fn trust(&self) -> String {
        trust_in(self.url())
    }
}

/// What [`TRUST`] permits, signed by what signs fast.
pub(crate) fn release() -> MintRequest {
    let request = MintRequest { algorithm: Some(Algorithm::Es256), ..MintRequest::of("github-actions") };
    request.with("ref", "refs/heads/release-1.2")
}

/// [`TRUST`] for an issuer of this URL.
pub(crate) fn trust_in(url: &str) -> String {
    TRUST.replace("{issuer}", url)
}

const TRUST: &str = include_str!("trust.toml");

/// An issuer that does what a test says: counts who asks, keeps them waiting, changes its keys.
pub(crate) struct ScriptedIssuer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    key: Mutex<Jwk>,
    connections: AtomicUsize,
    key_fetches: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl ScriptedIssuer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            key: Mutex::new(new_key("first")),
            connections: AtomicUsize::new(0),
            key_fetches: AtomicUsize::new(0),
            open: Mutex::new(true),
            opened: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        // Ends with the test process: whoever is still waiting for the door then is a server that was killed.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&theirs);
                shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || shared.answer(&stream, address));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Trust of the preset `oidc`, under this name, for the target of [`TRUST`].
    pub(crate) fn trust(&self, name: &str) -> String {
        let issuer = format!("[issuer.{name}]\npreset = \"oidc\"\nurl = \"{}\"\nnetwork = \"loopback\"\nowner = \"o\"\n", self.url());
        let about = "owner = \"o\"\npurpose = \"p\"\nreview_by = 2099-12-31\nwhen = { sub = \"workload\" }\n";
        let grant = "target = \"deploy\"\nscopes = [\"deploy:web\"]\n";
        format!("\n{issuer}[trust.by-{name}]\nissuer = \"{name}\"\n{about}[[trust.by-{name}.grant]]\n{grant}")
    }

    /// From now on this key signs, and only it is published.
    pub(crate) fn rotate(&self, kid: &str) {
        *self.shared.key.lock().unwrap() = new_key(kid);
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        let kid = self.shared.key.lock().unwrap().key_id().unwrap().to_owned();
        self.token_naming(&kid, &self.url())
    }

    /// A token with another `kid`, and another `iss`, than there is.
    pub(crate) fn token_naming(&self, kid: &str, issuer: &str) -> String {
        let now = SystemClock::new().now().unix();
        let jti = TokenId::random();
        let claims = json!({
            "iss": issuer, "sub": "workload", "aud": OWN_ISSUER, "iat": now, "exp": now + 300, "jti": jti.as_str(),
        });
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        let mut key = self.shared.key.lock().unwrap().clone();
        key.set_key_id(kid);
        let signer = ES256.signer_from_jwk(&key).unwrap();
        let token = jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap();
        Trail::token(&token);
        token
    }

    /// From now on requests are taken and wait.
    pub(crate) fn close_door(&self) {
        *self.shared.open.lock().unwrap() = false;
    }

    /// Answers everybody who waits, and from now on at once.
    pub(crate) fn open_door(&self) {
        *self.shared.open.lock().unwrap() = true;
        self.shared.opened.notify_all();
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Answers with the key set so far.
    pub(crate) fn key_fetches(&self) -> usize {
        self.shared.key_fetches.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// One request of one connection; whoever does not ask properly gets nothing.
    fn answer(&self, stream: &TcpStream, address: SocketAddr) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
        let body: Value = match request.split(' ').nth(1)? {
            "/.well-known/openid-configuration" => {
                json!({ "issuer": format!("http://{address}"), "jwks_uri": format!("http://{address}/jwks") })
            }
            "/jwks" => {
                self.key_fetches.fetch_add(1, Ordering::SeqCst);
                let key = self.key.lock().unwrap();
                let mut public = key.to_public_key().unwrap();
                public.set_key_id(key.key_id().unwrap());
                json!({ "keys": [public] })
            }
            _ => return None,
        };
        let body = body.to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        (&*stream).write_all(format!("{head}{body}").as_bytes()).ok()
    }
}

fn new_key(kid: &str) -> Jwk {
    let mut key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    key.set_key_id(kid);
    Trail::secret(key.parameter("d").and_then(Value::as_str).unwrap());
    key
}
