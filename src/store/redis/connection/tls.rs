//! TLS towards Redis.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, RootCertStore, WantsVerifier};
use secrecy::ExposeSecret as _;

use crate::store::redis::settings::{ClientCertificate, TlsSettings};

/// What to offer on a new connection. Reads files: blocks.
pub(super) fn config(settings: &TlsSettings) -> Result<Arc<ClientConfig>, String> {
    let roots = match &settings.ca_file {
        Some(file) => from_file(file)?,
        None => from_system()?,
    };
    let builder: ConfigBuilder<ClientConfig, WantsVerifier> = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    let builder = builder.with_root_certificates(roots);
    let config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = identity(client)?;
            let unusable = |error| format!("[store] client_certificate and client_key do not make an identity: {error}");
            builder.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    Ok(Arc::new(config))
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let pem = fs::read(file).map_err(|error| format!("{}: [store] ca_file cannot be read: {error}", file.display()))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("{}: not a PEM certificate: {error}", file.display()))?;
        roots.add(certificate).map_err(|error| format!("{}: an unusable certificate: {error}", file.display()))?;
    }
    if roots.is_empty() { Err(format!("{}: [store] ca_file holds no certificate", file.display())) } else { Ok(roots) }
}

fn from_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this system has no certificate authorities; name those of Redis in [store] ca_file".to_owned());
    }
    Ok(roots)
}

fn identity(client: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let file = &client.certificate;
    let pem = fs::read(file).map_err(|error| format!("{}: [store] client_certificate cannot be read: {error}", file.display()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: not a PEM certificate: {error}", file.display()))?;
    let key = client.key.read()?;
    // The parser's own words could repeat what it read.
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|_| "[store] client_key is no PEM private key")?;
    Ok((chain, key))
}

/// What went wrong with TLS, and which setting to look at.
pub(super) fn told(error: &impl Display) -> String {
    let error = error.to_string();
    let advice = if error.contains("peer certificate") {
        "[store] ca_file must hold the authority of the server's certificate, and that certificate must name this host"
    } else if error.contains("corrupt message") || error.contains("no answer") {
        "there, it speaks no TLS: name its TLS port, or begin [store] url with redis://"
    } else {
        "if it wants a certificate of ours, [store] client_certificate and client_key must be one of an authority that it knows"
    };
    format!("TLS: {error}; {advice}")
}
