//! A server behind its own TLS, with a certificate of a private authority that is replaced while it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::Thumbprint;
use cambist::exchange::TOKEN_EXCHANGE;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::support::{DEPLOY, LocalIssuer, Server, ServerOptions, Trail, eventually};

/// A private authority.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    note(&key);
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key).unwrap()
}

/// Puts a new certificate of this authority, and its key, where the server looks. The key first: the pair never fits in between.
fn certify(authority: &CertifiedIssuer<'static, KeyPair>, folder: &Path) {
    let key = KeyPair::generate().unwrap();
    note(&key);
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, authority).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    fs::set_permissions(folder.join("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
}

/// Every line of a private key is a secret.
fn note(key: &KeyPair) {
    let pem = key.serialize_pem();
    pem.lines().filter(|line| !line.starts_with("-----")).for_each(Trail::secret);
}

/// A workload that trusts this authority and no other.
fn workload(authority: &CertifiedIssuer<'static, KeyPair>) -> reqwest::Client {
    client(authority).build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the test plays the workload")]
fn client(authority: &CertifiedIssuer<'static, KeyPair>) -> reqwest::ClientBuilder {
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    // Each request connects anew, and meets the certificate that is offered then.
    reqwest::Client::builder().no_proxy().tls_certs_only([root]).timeout(Duration::from_secs(30)).pool_max_idle_per_host(0)
}

async fn exchange(client: &reqwest::Client, server: &Server, token: &str) -> reqwest::Result<(u16, reqwest::Version)> {
    let response = post(client, server, token).await?;
    Ok((response.status().as_u16(), response.version()))
}

async fn post(client: &reqwest::Client, server: &Server, token: &str) -> reqwest::Result<reqwest::Response> {
    Trail::token(token);
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", TOKEN_EXCHANGE)
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
        .append_pair("subject_token", token)
        .append_pair("audience", DEPLOY)
        .finish();
    let request = client.post(format!("https://{}/token", server.public));
    request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await
}

#[test]
fn tokens_are_exchanged_over_tls_and_a_replaced_certificate_is_offered_without_a_restart() {
    let issuer = LocalIssuer::start();
    let (old, new) = (authority(), authority());
    let mut options = ServerOptions::trusting(&issuer.trust());
    let tls = "[listen]\ntls = { certificate = \"tls.crt\", key = { file = \"tls.key\" } }\n";
    options.config = options.config.replace("[listen]\n", tls);
    let mut server = Server::prepare(&options);
    certify(&old, server.folder.path());
    server.restart();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (of_old, of_new) = (workload(&old), workload(&new));
    let post = |client: &reqwest::Client| runtime.block_on(exchange(client, &server, &issuer.token()));
    assert_eq!(post(&of_old).unwrap(), (200, reqwest::Version::HTTP_2));
    assert!(post(&of_new).is_err(), "an authority that did not sign it");
    assert!(server.client().get("/livez").is_err(), "nothing is answered in plain text");
    assert_eq!(server.admin("/readyz").status, 200, "on loopback the admin listener is plain");

    fs::write(server.folder.path().join("tls.crt"), "nonsense").unwrap();
    eventually("a certificate that cannot be used is reported", || server.process_log().contains("the old one stays"));
    assert_eq!(post(&of_old).unwrap().0, 200, "the old certificate is still offered");
    certify(&new, server.folder.path());
    eventually("the new certificate is offered", || post(&of_new).is_ok_and(|answer| answer.0 == 200));
    assert!(post(&of_old).is_err(), "and the old one no more");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_token_is_bound_to_the_certificate_of_the_handshake() {
    let issuer = LocalIssuer::start();
    let authority = authority();
    let mut options = ServerOptions::trusting(&issuer.trust().replace("[target.deploy]\n", "[target.deploy]\nbind = \"mtls\"\n"));
    let tls = "[listen]\ntls = { certificate = \"tls.crt\", key = { file = \"tls.key\" }, client_certificates = true }\n";
    options.config = options.config.replace("[listen]\n", tls);
    let mut server = Server::prepare(&options);
    certify(&authority, server.folder.path());
    server.restart();

    let key = KeyPair::generate().unwrap();
    note(&key);
    let certificate = CertificateParams::new(vec!["workload.test".into()]).unwrap().self_signed(&key).unwrap();
    let identity = reqwest::Identity::from_pem(format!("{}{}", certificate.pem(), key.serialize_pem()).as_bytes()).unwrap();
    let holder = client(&authority).identity(identity).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |client: &reqwest::Client| {
        let answer = async { post(client, &server, &issuer.token()).await?.text().await };
        serde_json::from_str::<Value>(&runtime.block_on(answer).unwrap()).unwrap()
    };
    assert!(ask(&workload(&authority))["error_description"].as_str().unwrap().starts_with("denied: certificate_required"));
    let token = ask(&holder)["access_token"].as_str().expect("a token was issued").to_owned();
    Trail::token(&token);
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["cnf"], json!({ "x5t#S256": Thumbprint::of(certificate.der()) }));
    let metadata = async { holder.get(format!("https://{}/.well-known/openid-configuration", server.public)).send().await?.text().await };
    let metadata: Value = serde_json::from_str(&runtime.block_on(metadata).unwrap()).unwrap();
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    assert_eq!(server.terminate(), Some(0));
}
