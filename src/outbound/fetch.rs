//! A fetch, and the guard above it that no double can skip.

use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::domain::Seconds;

use super::resolver::refusal;
use super::{FETCH_DEADLINE, FetchError, Network};

/// A boxed future, for the traits that tests implement.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One `GET`.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Where to. The caller has chosen it from what is registered, never from a token.
    pub url: Url,
    /// Which addresses are allowed, and whether `http` is.
    pub network: Network,
    /// PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Sent as `Authorization: Bearer` (RFC 6750 §2.1). The caller has checked that the URL is of the origin the token belongs to.
    pub bearer: Option<SecretString>,
    /// Largest body, in bytes.
    pub max_bytes: usize,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct FetchResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, undecoded; empty unless the status is 200.
    pub body: Vec<u8>,
    /// How long the sender lets it be kept (RFC 9111 §4.2), in seconds.
    pub max_age: Option<Seconds>,
}

/// The way out: [`super::HttpFetch`], or a double in tests. Ask it through [`Outbound`] only.
pub trait Fetch: Send + Sync {
    /// Sends one request; answers whatever came, redirects included.
    fn get<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>>;
}

/// The guard above [`Fetch`]. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    pub(crate) fetch: Arc<dyn Fetch>,
    /// For one fetch as a whole; also for several that are one errand.
    pub(crate) deadline: Duration,
}

impl Outbound {
    /// Guards this way out.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch, deadline: FETCH_DEADLINE }
    }

    /// Fetches a document: status 200, at most `max_bytes`, within 5 s. Everything else is an error.
    pub async fn get(&self, request: &FetchRequest) -> Result<FetchResponse, FetchError> {
        self.get_until(self.errand(), request).await
    }

    /// The end of an errand that begins now.
    #[must_use]
    pub fn errand(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// One fetch of several that end together.
    pub async fn get_until(&self, end: Instant, request: &FetchRequest) -> Result<FetchResponse, FetchError> {
        check_url(&request.url, request.network)?;
        let response = timeout_at(end, self.fetch.get(request)).await.map_err(|_| FetchError::TimedOut)??;
        match response.status {
            200 if response.body.len() > request.max_bytes => Err(FetchError::TooLarge { max_bytes: request.max_bytes }),
            200 => Ok(response),
            status @ 300..400 => Err(FetchError::Redirect(status)),
            status => Err(FetchError::Status(status)),
        }
    }
}

/// What can be told from a URL alone. A literal address is checked here, because no resolver will ever see it; `url` has already turned
/// its every spelling (`0x7f.1`, `2130706433`) into an address.
fn check_url(url: &Url, network: Network) -> Result<(), FetchError> {
    match url.scheme() {
        "https" => {}
        "http" if network == Network::Loopback => {}
        _ => return Err(FetchError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(FetchError::Malformed);
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(FetchError::Malformed),
    };
    if network.admits(literal) { Ok(()) } else { Err(refusal(network, url.host_str().unwrap_or_default(), literal)) }
}
