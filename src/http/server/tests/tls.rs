//! TLS with real certificates.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::tls::{Reload, Tls, TlsError};
use super::super::{ListenerError, TlsFiles};
use super::*;

/// A directory with `tls.crt` and `tls.key`.
pub(super) struct Certificates {
    directory: TempDir,
}

impl Certificates {
    pub(super) fn new() -> Self {
        let certificates = Self { directory: TempDir::new().unwrap() };
        certificates.renew();
        certificates
    }

    pub(super) fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.path("tls.crt"), key: self.path("tls.key") }
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a new pair.
    fn renew(&self) {
        let (certificate, key) = pair();
        std::fs::write(self.path("tls.crt"), certificate).unwrap();
        write_key(&self.path("tls.key"), &key);
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("tls.crt")).unwrap()
    }
}

fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Private keys are refused when everybody may read them.
fn write_key(path: &Path, pem: &str) {
    std::fs::write(path, pem).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

async fn handshake(
    address: SocketAddr,
    trusted: &Path,
    version: &'static SupportedProtocolVersion,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn tls_server(files: TlsFiles, deadlines: Deadlines) -> ServerHandle {
    let settings = ListenerSettings { tls: Some(files), ..ListenerSettings::plaintext(LOOPBACK) };
    serve_with(settings, deadlines, routes()).await
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let certificates = Certificates::new();
    let server = tls_server(certificates.files(), super::super::DEADLINES).await;
    for (version, alpn, expected) in [(&TLS13, "http/1.1", "http/1.1"), (&TLS12, "h2", "h2")] {
        let stream = handshake(server.local_address(), &certificates.path("tls.crt"), version, &[alpn]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(expected.as_bytes()));
    }
    let mut stream = handshake(server.local_address(), &certificates.path("tls.crt"), &TLS13, &[]).await.unwrap();
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: sts.test\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "an HTTP/2 client that nobody here wrote, against our own listener")]
async fn http_2_is_negotiated() {
    let certificates = Certificates::new();
    let server = tls_server(certificates.files(), super::super::DEADLINES).await;
    let root = reqwest::Certificate::from_pem(&std::fs::read(certificates.path("tls.crt")).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
    let url = format!("https://localhost:{}/peer", server.local_address().port());
    let answer = client.get(url).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

#[tokio::test]
async fn a_handshake_has_the_deadline_of_a_head() {
    let certificates = Certificates::new();
    let server = tls_server(certificates.files(), SHORT).await;
    for first in ["", "\x16\x03\x01\x02"] {
        assert_eq!(exchange(&server, first).await, "");
    }
    assert!(!exchange(&server, "GET /peer HTTP/1.1\r\nHost: sts.test\r\n\r\n").await.contains("200 OK"), "plaintext is not read");
}

#[tokio::test]
async fn a_changed_certificate_is_offered_and_a_broken_one_is_not() {
    let certificates = Certificates::new();
    let tls = Tls::load(certificates.files(), false).unwrap();
    assert_eq!(tls.reload_if_changed().unwrap(), Reload::Unchanged);
    let first = tls.config();

    write_key(&certificates.path("tls.key"), &pair().1);
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::Unusable { .. })), "a key that does not fit");
    assert_eq!(tls.reload_if_changed().unwrap(), Reload::Unchanged, "said once");
    std::fs::write(certificates.path("tls.crt"), "garbage").unwrap();
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::NoCertificate { .. })));
    std::fs::remove_file(certificates.path("tls.crt")).unwrap();
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::Read { .. })));
    assert!(Arc::ptr_eq(&first, &tls.config()), "the old one stays");

    certificates.renew();
    assert_eq!(tls.reload_if_changed().unwrap(), Reload::Changed);
    assert!(!Arc::ptr_eq(&first, &tls.config()));
}

#[tokio::test]
async fn a_running_server_notices_a_new_certificate() {
    let certificates = Certificates::new();
    let server = tls_server(certificates.files(), super::super::DEADLINES).await;
    certificates.renew();
    let renewed = certificates.certificate();
    let offered = async {
        loop {
            if let Ok(stream) = handshake(server.local_address(), &certificates.path("tls.crt"), &TLS13, &[]).await
                && stream.get_ref().1.peer_certificates().is_some_and(|chain| chain[0] == renewed)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, offered).await.expect("the old certificate is still offered");
}

#[tokio::test]
async fn an_unusable_certificate_names_its_file() {
    let certificates = Certificates::new();
    let missing = TlsFiles { certificate: certificates.path("gone.crt"), ..certificates.files() };
    write_key(&certificates.path("empty.key"), "");
    write_key(&certificates.path("open.key"), &pair().1);
    std::fs::set_permissions(certificates.path("open.key"), Permissions::from_mode(0o604)).unwrap();
    let open = TlsFiles { key: certificates.path("open.key"), ..certificates.files() };
    let empty = TlsFiles { key: certificates.path("empty.key"), ..certificates.files() };
    let swapped = TlsFiles { certificate: certificates.path("tls.key"), key: certificates.path("tls.key") };
    for (files, expected) in [(missing, "gone.crt"), (empty, "empty.key"), (swapped, "tls.key"), (open, "chmod o-rw")] {
        let settings = ListenerSettings { tls: Some(files), ..ListenerSettings::plaintext(LOOPBACK) };
        let error = settings.bind().await.err();
        assert!(matches!(error, Some(ListenerError::Tls(_))), "{error:?}");
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(expected) && !said.contains("PRIVATE KEY-----\n"), "{said}");
    }
}
