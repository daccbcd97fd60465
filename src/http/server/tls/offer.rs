//! Certificates: loaded at start, read again when their files change.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use zeroize::Zeroizing;

use crate::domain::Digest256;

use super::possession::ProvesPossession;

/// The files of a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// PEM: the certificate of the listener, then its chain.
    pub certificate: PathBuf,
    /// PEM: the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// What a TLS listener offers now.
#[derive(Debug)]
pub(in crate::http::server) struct Tls {
    files: TlsFiles,
    /// Whether clients are asked for a certificate.
    asks_client: bool,
    current: ArcSwap<ServerConfig>,
    /// Digest of the files' contents that were tried last, whether or not they could be used: a broken change is logged once.
    tried: Mutex<Digest256>,
}

impl Tls {
    pub(in crate::http::server) fn load(files: TlsFiles, asks_client: bool) -> Result<Self, TlsError> {
        let contents = Contents::read(&files)?;
        let config = contents.config(&files, asks_client)?;
        Ok(Self { files, asks_client, current: ArcSwap::new(config), tried: Mutex::new(contents.digest()) })
    }

    /// For a new connection.
    pub(in crate::http::server) fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files, and offers what they hold if that is new and can be used. Blocks on the file system. A pair that does not
    /// fit together, as in the middle of a rotation, changes nothing.
    pub(in crate::http::server) fn reload_if_changed(&self) -> Result<Reload, TlsError> {
        let contents = Contents::read(&self.files)?;
        {
            let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut *tried, contents.digest()) == contents.digest() {
                return Ok(Reload::Unchanged);
            }
        }
        self.current.store(contents.config(&self.files, self.asks_client)?);
        Ok(Reload::Changed)
    }

    /// Looks at the files every two seconds, until it is dropped.
    pub(in crate::http::server) async fn watch(self: Arc<Self>) {
        let mut unreadable = false;
        loop {
            tokio::time::sleep(RELOAD_EVERY).await;
            let tls = Arc::clone(&self);
            let Ok(outcome) = tokio::task::spawn_blocking(move || tls.reload_if_changed()).await else { continue };
            match &outcome {
                Ok(Reload::Unchanged) => {}
                Ok(Reload::Changed) => tracing::info!(tls.certificate = %self.files.certificate.display(), "certificate replaced"),
                // A file that is gone is read again each time; say so once.
                Err(TlsError::Read { .. }) if unreadable => {}
                Err(error) => tracing::error!(error = %error, "the certificate changed and cannot be used; the old one stays"),
            }
            unreadable = matches!(outcome, Err(TlsError::Read { .. }));
        }
    }
}

/// What a look at the files found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::http::server) enum Reload {
    Changed,
    Unchanged,
}

struct Contents {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        check_private(&files.key)?;
        Ok(Self { certificate: read(&files.certificate)?, key: Zeroizing::new(read(&files.key)?) })
    }

    fn digest(&self) -> Digest256 {
        Digest256::of_parts(&[Digest256::of(&self.certificate).as_bytes(), &self.key])
    }

    /// TLS 1.2 and 1.3, no early data: a request must not be replayable below HTTP. Unless `asks_client`, no handshake mentions client
    /// certificates, and no browser shows a dialogue.
    fn config(&self, files: &TlsFiles, asks_client: bool) -> Result<Arc<ServerConfig>, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate { file: files.certificate.clone() })?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate { file: files.certificate.clone() });
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey { file: files.key.clone() })?;
        let unusable = |source| TlsError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), source };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = if asks_client { ProvesPossession::by(&provider) } else { WebPkiClientVerifier::no_client_auth() };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A key that every user of the machine may read or replace is nobody's.
fn check_private(file: &Path) -> Result<(), TlsError> {
    let metadata = std::fs::metadata(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })?;
    if metadata.permissions().mode() & 0o006 == 0 { Ok(()) } else { Err(TlsError::Exposed { file: file.to_owned() }) }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })
}

/// Why a certificate cannot be used. For the administrator; never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Every user may read or write the private key.
    #[error("{}: every user of this machine may read or write this private key: run `chmod o-rw` on it, and replace it if others had access", file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
    },
    /// No PEM certificate.
    #[error("{}: no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// No PEM private key.
    #[error("{}: no unencrypted private key in PEM form (`-----BEGIN PRIVATE KEY-----`)", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot be read.
    #[error("{}: {source}; check `[listen] tls`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Certificate and key do not fit together, or are of a kind that TLS does not use.
    #[error("{} and {} do not go together, or are of a kind that TLS does not use: {source}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// How soon a changed certificate is offered (decision: files are polled, symlinks and all).
const RELOAD_EVERY: Duration = Duration::from_secs(2);
