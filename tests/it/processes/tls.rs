//! A server behind its own TLS, with a certificate of a private authority that is replaced while it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use cambist::exchange::TOKEN_EXCHANGE;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

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
#[expect(clippy::disallowed_methods, reason = "the test plays the workload")]
fn workload(authority: &CertifiedIssuer<'static, KeyPair>) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]).timeout(Duration::from_secs(30));
    // Each request connects anew, and meets the certificate that is offered then.
    builder.pool_max_idle_per_host(0).build().unwrap()
}

async fn exchange(client: &reqwest::Client, server: &Server, token: &str) -> reqwest::Result<(u16, reqwest::Version)> {
    Trail::token(token);
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", TOKEN_EXCHANGE)
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
        .append_pair("subject_token", token)
        .append_pair("audience", DEPLOY)
        .finish();
    let request = client.post(format!("https://{}/token", server.public));
    let response = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await?;
    Ok((response.status().as_u16(), response.version()))
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
