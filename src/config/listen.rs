//! `[listen]`: where the server is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::document::{Kind, Table, Value};
use crate::http::ClientCertificates;

use super::value::Folder;
use super::value::Secret;

/// The two listeners and their limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenSection {
    /// Token endpoint, metadata, keys, `/livez`, bare `/readyz`.
    pub public: Listener,
    /// Metrics and detailed `/readyz`.
    pub admin: Listener,
    /// Most connections open at a time, on each listener.
    pub max_connections: usize,
    /// Most exchanges running at a time; further ones are answered 503.
    pub max_in_flight: usize,
}

/// One listener.
///
/// Invariant: an address beyond loopback has `tls` or `behind_proxy`. Both always guard the public listener; the admin listener only
/// beyond loopback, so that what runs on the same machine reaches it plainly.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Address and port; port 0 lets the operating system choose.
    pub address: SocketAddr,
    /// Speak TLS with this certificate.
    pub tls: Option<Tls>,
    /// Only peers from these networks are served, and the addresses they forward are believed. Empty: everybody, and nobody is believed.
    pub behind_proxy: Vec<IpNet>,
    /// Who tells about the certificates of clients, so that tokens can be bound to them. Of the public listener only.
    pub client_certificates: ClientCertificates,
}

/// A certificate and its key. Both are re-read when they change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// PEM: the certificate, then its chain.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

impl Listener {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    fn on(port: u16) -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self { address, tls: None, behind_proxy: Vec::new(), client_certificates: ClientCertificates::default() }
    }

    fn read(&mut self, written: Option<Value<'_>>, guard: &Guard, covers: Covers) {
        let address = written.as_ref().and_then(|value| value.parse(|text| text.parse().map_err(|_| ADDRESS_EXPECTED)));
        if let Some(address) = address {
            self.address = address.value;
        }
        if covers == Covers::Always || !self.is_loopback() {
            (self.tls, self.behind_proxy) = (guard.tls.clone(), guard.proxies.clone());
        }
        if let Some(value) = written.filter(|_| !self.is_loopback() && !guard.given) {
            value.error(format_args!(
                "{} is reachable from other machines, and tokens would travel in plain text: add `tls = {{ certificate = \"…\", key = {{ file = \"…\" }} }}`, or \
                 `behind_proxy = [\"<network of the proxy>\"]`, or listen on 127.0.0.1",
                self.address
            ));
        }
    }
}

impl Default for ListenSection {
    fn default() -> Self {
        Self { public: Listener::on(8080), admin: Listener::on(9090), max_connections: MAX_CONNECTIONS, max_in_flight: MAX_IN_FLIGHT }
    }
}

impl ListenSection {
    /// Whether another machine can reach a listener.
    #[must_use]
    pub fn beyond_loopback(&self) -> bool {
        !self.public.is_loopback() || !self.admin.is_loopback()
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>) -> Self {
        let mut listen = Self::default();
        let (public, admin) = (table.value("public"), table.value("admin"));
        let given = table.has("tls") || table.has("behind_proxy");
        let (tls, asks_clients) = tls(&mut table, folder);
        let guard = Guard { given, tls, proxies: proxies(&mut table) };
        listen.public.client_certificates = client_certificates(&mut table, asks_clients);
        listen.public.read(public, &guard, Covers::Always);
        listen.admin.read(admin, &guard, Covers::BeyondLoopback);
        let (public, admin) = (listen.public.address, listen.admin.address);
        if public == admin && public.port() != 0 {
            table.error(format_args!("`public` and `admin` are both {public}: give `admin` another port, it must never be public"));
        }
        count(&mut table, "max_connections", &mut listen.max_connections);
        count(&mut table, "max_in_flight", &mut listen.max_in_flight);
        table.finish();
        listen
    }
}

/// What stands between a listener and strangers.
struct Guard {
    /// Whether one was written at all; a faulty one is reported already.
    given: bool,
    tls: Option<Tls>,
    proxies: Vec<IpNet>,
}

/// Which listeners a guard covers.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Covers {
    Always,
    BeyondLoopback,
}

/// The certificate, and where `client_certificates` asks for those of clients.
fn tls<'a>(table: &mut Table<'a>, folder: Folder<'_>) -> (Option<Tls>, Option<Value<'a>>) {
    let Some(mut tls) = table.table("tls") else { return (None, None) };
    let asks = tls.value("client_certificates").filter(|asks| asks.bool().is_some_and(|asks| asks.value));
    (certificate(tls, folder), asks)
}

fn certificate(mut tls: Table<'_>, folder: Folder<'_>) -> Option<Tls> {
    tls.require("certificate", "name the file with the certificate and its chain, in PEM");
    tls.require("key", "name the file with the private key: { file = \"…\" }");
    let certificate = tls.parsed("certificate", |text| folder.parse(text));
    let written = tls.value("key");
    let key = written.as_ref().and_then(|value| Secret::read(value, folder));
    tls.finish();
    match (key?, written) {
        (Secret::File(key), _) => Some(Tls { certificate: certificate?.value, key }),
        (Secret::Env(_), Some(value)) => {
            value.error("the key is read again when it changes, so it must be a file: write { file = \"…\" }");
            None
        }
        (Secret::Env(_), None) => None,
    }
}

/// Our handshake and a proxy's header exclude each other: behind a proxy the handshake shows the proxy's certificate.
fn client_certificates(table: &mut Table<'_>, asks_clients: Option<Value<'_>>) -> ClientCertificates {
    let proxy = table.has("behind_proxy");
    let header = table.value("client_certificate_header").filter(|header| header.bool().is_some_and(|header| header.value));
    match (asks_clients, header) {
        (None, None) => ClientCertificates::NotAsked,
        (Some(asks), _) if proxy => {
            asks.error(
                "behind a proxy the connection shows the certificate of the proxy, not of the client: remove this field, and write \
                 `client_certificate_header = true` below [listen] if the proxy sets `Client-Cert`",
            );
            ClientCertificates::NotAsked
        }
        (_, Some(header)) if !proxy => {
            header.error(
                "only proxies are believed about `Client-Cert`: name them in `behind_proxy`, or write `tls.client_certificates = true`",
            );
            ClientCertificates::NotAsked
        }
        (Some(_), _) => ClientCertificates::FromHandshake,
        (None, Some(_)) => ClientCertificates::FromProxy,
    }
}

fn proxies(table: &mut Table<'_>) -> Vec<IpNet> {
    let Some(value) = table.value("behind_proxy") else { return Vec::new() };
    match value.kind() {
        Kind::List(items) if !items.is_empty() => items.iter().filter_map(|item| Some(item.parse(network)?.value)).collect(),
        _ => {
            value.error("expected the networks of the proxy, such as [\"10.0.0.0/8\"]; without a proxy remove the field");
            Vec::new()
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet =
        text.parse().map_err(|_| "expected a network with its prefix length, such as 10.0.0.0/8 or 10.1.2.3/32".to_owned())?;
    if network.prefix_len() == 0 {
        return Err("this is every address there is, so anybody could forge a forwarded address: name the network of the proxy".into());
    }
    if network.trunc() != network {
        return Err(format!("bits are set beyond the prefix; write {}", network.trunc()));
    }
    Ok(network)
}

fn count(table: &mut Table<'_>, name: &'static str, into: &mut usize) {
    let Some(value) = table.value(name) else { return };
    match value.kind() {
        Kind::Integer(number @ 1..=MOST) => *into = usize::try_from(number).unwrap_or(*into),
        Kind::Unusable => {}
        _ => value.error(format_args!("expected a whole number of 1 to {MOST}")),
    }
}

/// Fits the usual limit of 1,024 open files, with room for the store, the log and fetches.
const MAX_CONNECTIONS: usize = 768;
/// At this many the store's group commit is at its best; more only wait for each other.
const MAX_IN_FLIGHT: usize = 256;
/// More than any machine serves.
const MOST: i64 = 1_000_000;
const ADDRESS_EXPECTED: &str = "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
