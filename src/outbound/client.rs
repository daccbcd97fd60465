//! The real way out: reqwest over rustls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, Response};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;

use crate::domain::Digest256;

use super::cache_control::max_age;
use super::error::clip;
use super::fetch::{BoxFuture, Fetch, FetchRequest, FetchResponse};
use super::resolver::GuardedResolver;
use super::{CONNECT_DEADLINE, FetchError, MAX_CA_BYTES, Network, read_file};

/// HTTP as it is: `https` unless the network is loopback, no redirects, no proxy, no cookies, nothing decompressed.
///
/// Keeps one client per network and file of certificate authorities; their number is bounded by what administrators write. The file is
/// read again for every fetch, so a changed bundle is in force with the next one, and a new client takes no old connection over.
#[derive(Default)]
pub struct HttpFetch {
    clients: Mutex<HashMap<ClientKey, Built>>,
}

type ClientKey = (Network, Option<PathBuf>);

struct Built {
    /// Of the certificates it trusts; `None` for the system's.
    bundle: Option<Digest256>,
    client: Client,
}

impl HttpFetch {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    async fn client(&self, request: &FetchRequest) -> Result<Client, FetchError> {
        let bundle = match &request.ca_file {
            Some(path) => Some(read_file(path, MAX_CA_BYTES).await?),
            None => None,
        };
        let digest = bundle.as_deref().map(Digest256::of);
        let key = (request.network, request.ca_file.clone());
        if let Some(built) = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key)
            && built.bundle == digest
        {
            return Ok(built.client.clone());
        }
        let roots = roots(request, bundle.as_deref())?;
        let network = request.network;
        // Without a bundle this reads the system's certificates from disk.
        let client = tokio::task::spawn_blocking(move || build(network, roots)).await.map_err(|error| client_error(&error))??;
        let built = Built { bundle: digest, client: client.clone() };
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(key, built);
        Ok(client)
    }
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        Box::pin(async move {
            let mut get = self.client(request).await?.get(request.url.clone());
            if let Some(token) = &request.bearer {
                get = get.bearer_auth(token.expose_secret());
            }
            let response = get.send().await.map_err(|error| FetchError::from_reqwest(&error))?;
            let status = response.status().as_u16();
            let max_age = max_age(response.headers());
            let body = if status == 200 { body(response, request.max_bytes).await? } else { Vec::new() };
            Ok(FetchResponse { status, body, max_age })
        })
    }
}

/// Reads the body piece by piece and stops at the cap: a stated length may lie, and a chunked body states none.
async fn body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::from_reqwest(&error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(FetchError::TooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The certificates to trust instead of the system's. On loopback that is none without a file: no public authority vouches for this
/// machine, and a machine without any authorities can still speak `http` to itself.
fn roots(request: &FetchRequest, bundle: Option<&[u8]>) -> Result<Option<Vec<Certificate>>, FetchError> {
    let (Some(path), Some(bundle)) = (&request.ca_file, bundle) else {
        return Ok((request.network == Network::Loopback).then(Vec::new));
    };
    let mut store = RootCertStore::empty();
    let mut certificates = Vec::new();
    for (index, found) in CertificateDer::pem_slice_iter(bundle).enumerate() {
        let der = found.map_err(|_| ca_error(path, "it is not PEM"))?;
        certificates.push(Certificate::from_der(&der).map_err(|_| ca_error(path, "it is not PEM"))?);
        // Tried here, where it can still be told which one it is.
        store.add(der).map_err(|_| ca_error(path, &format!("its certificate {} is malformed", index + 1)))?;
    }
    if certificates.is_empty() { Err(ca_error(path, "it holds no certificate")) } else { Ok(Some(certificates)) }
}

fn build(network: Network, roots: Option<Vec<Certificate>>) -> Result<Client, FetchError> {
    let builder = builder(network);
    let builder = match roots {
        Some(roots) => builder.tls_certs_only(roots),
        None => builder,
    };
    builder.build().map_err(|error| match FetchError::from_reqwest(&error) {
        FetchError::Transport(why) => FetchError::Client(why),
        other => other,
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that makes HTTP clients")]
fn builder(network: Network) -> reqwest::ClientBuilder {
    Client::builder()
        .tls_backend_rustls()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .https_only(network != Network::Loopback)
        .dns_resolver(GuardedResolver(network))
        .redirect(reqwest::redirect::Policy::none())
        // A second request nobody counted could spend more than the budget above.
        .retry(reqwest::retry::never())
        // A proxy would resolve names and connect in our place, past every check.
        .no_proxy()
        .referer(false)
        .user_agent(concat!("cambist/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_DEADLINE)
        // Long enough for a discovery document and the keys it leads to, too short to find a dead connection the next time.
        .pool_idle_timeout(Duration::from_secs(5))
}

fn ca_error(path: &Path, why: &str) -> FetchError {
    FetchError::CaBundle { path: path.display().to_string().into(), why: why.into() }
}

fn client_error(error: &tokio::task::JoinError) -> FetchError {
    FetchError::Client(clip(&error.to_string()))
}
