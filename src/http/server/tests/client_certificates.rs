use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{self, sign};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use tokio_rustls::TlsConnector;

use super::super::{ClientCertificates, MAX_HEAD_BYTES};
use super::tls::Certificates;
use super::*;
use crate::domain::Thumbprint;

/// What a client has to show, and whether anybody wanted to see it.
#[derive(Debug)]
struct Wallet {
    certified: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Wallet {
    fn resolve(&self, authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        assert!(authorities.is_empty(), "no authority is preferred");
        self.asked.store(true, Ordering::Relaxed);
        self.certified.clone()
    }

    fn has_certs(&self) -> bool {
        self.certified.is_some()
    }
}

fn self_signed(algorithm: &'static SignatureAlgorithm) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(vec!["workload.test".to_owned()]).unwrap();
    // Long ago: nobody looks at dates.
    (params.not_before, params.not_after) = (date_time_ymd(1990, 1, 1), date_time_ymd(1991, 1, 1));
    (params.self_signed(&key).unwrap().der().clone(), key)
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Arc::new(CertifiedKey::new(chain, sign::any_supported_type(&key).unwrap()))
}

/// A client that trusts the server, and shows what it is given.
struct Client {
    config: Arc<ClientConfig>,
    wallet: Arc<Wallet>,
}

impl Client {
    fn new(server: &Certificates, version: &'static SupportedProtocolVersion, certified: Option<Arc<CertifiedKey>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(server.path("tls.crt")).unwrap()).unwrap();
        let wallet = Arc::new(Wallet { certified, asked: AtomicBool::new(false) });
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::clone(&wallet) as Arc<dyn ResolvesClientCert>);
        Self { config: Arc::new(config), wallet }
    }

    /// The answer of `/certificate`, and whether the session was resumed. In TLS 1.3 a refusal is seen at the first read.
    async fn ask(&self, server: &ServerHandle, header: &str) -> std::io::Result<(String, bool)> {
        let stream = TcpStream::connect(server.local_address()).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let request = format!("GET /certificate HTTP/1.1\r\nHost: sts.test\r\n{header}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok((answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned(), resumed))
    }
}

async fn tls_server(certificates: &Certificates, client_certificates: ClientCertificates) -> ServerHandle {
    let settings = ListenerSettings { tls: Some(certificates.files()), client_certificates, ..ListenerSettings::plaintext(LOOPBACK) };
    serve_with(settings, super::super::DEADLINES, routes()).await
}

fn told(certificate: &CertificateDer<'_>) -> String {
    format!("{}, 0 headers", Thumbprint::of(certificate))
}

const FORGED: &str = "Client-Cert: :MAAB:\r\nClient-Cert-Chain: :MAAB:\r\n";

#[tokio::test]
async fn a_certificate_is_asked_for_only_where_somebody_wants_it() {
    let certificates = Certificates::new();
    let (asks, silent) = (ClientCertificates::FromHandshake, ClientCertificates::NotAsked);
    for version in [&TLS13, &TLS12] {
        for (wants, shows, why) in [
            (silent, true, "nobody wants one: browsers and CI clients see no prompt"),
            (silent, false, "as it always was"),
            (asks, true, "shown"),
            (asks, false, "asked for, and never demanded"),
        ] {
            let server = tls_server(&certificates, wants).await;
            let (certificate, key) = self_signed(&PKCS_ECDSA_P256_SHA256);
            let client = Client::new(&certificates, version, shows.then(|| certified(vec![certificate.clone()], &key)));
            let (answer, _) = client.ask(&server, FORGED).await.unwrap();
            let expected = if wants == asks && shows { told(&certificate) } else { "none, 0 headers".into() };
            assert_eq!(answer, expected, "{why}");
            assert_eq!(client.wallet.asked.load(Ordering::Relaxed), wants == asks, "{why}");
        }
    }
}

#[tokio::test]
async fn any_certificate_is_good_whose_key_signs_the_handshake() {
    let certificates = Certificates::new();
    let server = tls_server(&certificates, ClientCertificates::FromHandshake).await;
    let (other, _) = self_signed(&PKCS_ECDSA_P256_SHA256);
    for version in [&TLS13, &TLS12] {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256] {
            let (certificate, key) = self_signed(algorithm);
            let chain = certified(vec![certificate.clone(), other.clone()], &key);
            let (answer, _) = Client::new(&certificates, version, Some(chain)).ask(&server, "").await.unwrap();
            assert_eq!(answer, told(&certificate), "the first of the chain");
            let stolen = certified(vec![other.clone()], &key);
            assert!(Client::new(&certificates, version, Some(stolen)).ask(&server, "").await.is_err(), "a certificate without its key");
        }
        let (certificate, key) = self_signed(&PKCS_ECDSA_P256_SHA256);
        let garbage = vec![CertificateDer::from(vec![0x30, 0x00])];
        let long = vec![certificate.clone(); MAX_HEAD_BYTES / certificate.len() + 1];
        for chain in [garbage, long] {
            assert!(Client::new(&certificates, version, Some(certified(chain, &key))).ask(&server, "").await.is_err());
        }
    }
}

#[tokio::test]
async fn a_resumed_session_is_that_of_the_same_certificate() {
    let certificates = Certificates::new();
    let server = tls_server(&certificates, ClientCertificates::FromHandshake).await;
    for version in [&TLS13, &TLS12] {
        let (certificate, key) = self_signed(&PKCS_ECDSA_P256_SHA256);
        let client = Client::new(&certificates, version, Some(certified(vec![certificate.clone()], &key)));
        let first = client.ask(&server, "").await.unwrap();
        let second = client.ask(&server, "").await.unwrap();
        assert_eq!((first, second), ((told(&certificate), false), (told(&certificate), true)));
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_tells_whose_certificate_it_saw() {
    let forwarded = format!("{}, 0 headers", Thumbprint::of(&[0x30, 0, 1]));
    let (proxies, nobody): (Vec<ipnet::IpNet>, _) = (vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
    for (behind_proxy, from, header, expected, why) in [
        (&proxies, ClientCertificates::FromProxy, FORGED, &*forwarded, "the proxy says so"),
        (&proxies, ClientCertificates::FromProxy, "", "none, 0 headers", "it saw none"),
        (&proxies, ClientCertificates::NotAsked, FORGED, "none, 0 headers", "a proxy that lets headers of clients pass"),
        (&nobody, ClientCertificates::NotAsked, FORGED, "none, 0 headers", "a client says so itself"),
    ] {
        let settings =
            ListenerSettings { behind_proxy: behind_proxy.clone(), client_certificates: from, ..ListenerSettings::plaintext(LOOPBACK) };
        let server = serve_with(settings, super::super::DEADLINES, routes()).await;
        let answer = exchange(&server, format!("GET /certificate HTTP/1.1\r\nHost: sts.test\r\n{header}Connection: close\r\n\r\n")).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{why}: {answer}");
    }
}

#[tokio::test]
async fn a_proxy_that_forwards_garbage_is_told_so() {
    let settings = ListenerSettings {
        behind_proxy: vec!["127.0.0.0/8".parse().unwrap()],
        client_certificates: ClientCertificates::FromProxy,
        ..ListenerSettings::plaintext(LOOPBACK)
    };
    let server = serve_with(settings, super::super::DEADLINES, routes()).await;
    let header = "Client-Cert: MIIB";
    let answer = exchange(&server, format!("GET /certificate HTTP/1.1\r\nHost: sts.test\r\n{header}\r\nConnection: close\r\n\r\n")).await;
    insta::assert_snapshot!(undated(&answer), @r#"
    HTTP/1.1 400 Bad Request
    x-content-type-options: nosniff
    strict-transport-security: max-age=31536000
    content-type: application/json
    cache-control: no-store
    pragma: no-cache
    connection: close
    content-length: 150

    {"error":"invalid_request","error_description":"malformed: client_certificate_header","error_uri":"https://sts.test/errors#client_certificate_header"}
    "#);
}
