//! The servers of the tests do what their names say. Run by `tests/it` only.

mod cluster;
mod proxy;
mod sentinel;
mod single;

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::servers::{RedisServer, TlsFiles, text};

fn get(server: &RedisServer, key: &str) -> String {
    text(&server.command(&["GET", key]))
}

/// A private CA and a certificate for 127.0.0.1 from it, as files.
pub(crate) fn certificates(folder: &Path) -> TlsFiles {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "authority of the test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    TlsFiles {
        certificate: write("server.pem", certificate.pem()),
        key: write("server.key", key.serialize_pem()),
        authority: write("ca.pem", authority_certificate.pem()),
        client_certificate: true,
    }
}
