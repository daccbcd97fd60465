//! Reading the keys of an issuer, wherever they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::{IssuerId, IssuerName, Seconds};
use crate::outbound::{FetchError, FetchRequest, FetchResponse, FileError, Network, Outbound, read_file};
use crate::token::{Algorithms, InvalidKeySet, KeySet, MAX_KEY_SET_BYTES};

use super::discovery::{InvalidDiscovery, document_url, jwks_uri};
use super::{BUNDLE_FRESH_FOR, FILE_FRESH_FOR, FRESH_FOR, IssuerSettings, KeySource, MAX_DISCOVERY_BYTES, MAX_DISCOVERY_TOKEN_BYTES};

/// Everything that the keys of an issuer depend on. Where it stays equal over a reload, the cached keys stay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyOrigin {
    /// For the log.
    pub(super) name: IssuerName,
    /// For the log.
    pub(super) author: Author,
    /// Which keys are prepared, and for what.
    algorithms: Algorithms,
    id: IssuerId,
    source: KeySource,
    network: Network,
    ca_file: Option<PathBuf>,
}

/// Whose keys they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Author {
    /// A registered client, which signs assertions about itself.
    Client,
    /// An issuer, which signs tokens about others.
    Issuer,
}

/// A key set document as it came, not yet read.
pub(super) struct KeyDocument {
    pub(super) bytes: Vec<u8>,
    /// How long it may be cached, as whoever served it says.
    max_age: Option<Seconds>,
    /// The origin it came from; `None` for a file.
    pub(super) served_by: Option<Box<str>>,
}

/// The keys of an issuer could not be read. Tells an administrator where and why; holds no secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum KeysUnread {
    #[error(transparent)]
    Discovery(#[from] InvalidDiscovery),
    #[error("{url}: {cause}{}", advice(.cause, *.withheld))]
    Fetch {
        url: Box<str>,
        cause: FetchError,
        /// A token was there and was not sent.
        withheld: bool,
    },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the key set cannot be used: {0}")]
    KeySet(#[from] InvalidKeySet),
    #[error("the reading broke off before its end")]
    BrokenOff,
    #[error("`discovery_token` {}: the file holds no token", path.display())]
    TokenFile { path: PathBuf },
}

impl KeysUnread {
    /// Whether the issuer answered, with a key set beyond our limits: asking again soon would bring the same.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::KeySet(InvalidKeySet::TooLarge | InvalidKeySet::TooManyKeys))
    }
}

impl KeyOrigin {
    pub(super) fn of(settings: &IssuerSettings, author: Author) -> Self {
        Self {
            name: settings.name.clone(),
            author,
            algorithms: settings.expectations.algorithms.clone(),
            id: settings.id.clone(),
            source: settings.keys.clone(),
            network: settings.network,
            ca_file: settings.ca_file.clone(),
        }
    }

    /// Reads the document once, within the deadline of one fetch however many it takes.
    pub(super) async fn read(&self, outbound: &Outbound) -> Result<KeyDocument, KeysUnread> {
        let errand = Errand { outbound, end: outbound.errand() };
        match &self.source {
            KeySource::Discovery { token_file } => self.discover(&errand, token_file.as_deref()).await,
            KeySource::JwksUri(url) => self.fetch_keys(&errand, url.clone(), Credential::None).await,
            KeySource::JwksFile(path) => {
                let bytes = read_file(path, MAX_KEY_SET_BYTES).await?;
                Ok(KeyDocument { bytes, max_age: None, served_by: None })
            }
        }
    }

    /// The keys of a document.
    pub(super) fn parse(&self, document: &[u8]) -> Result<KeySet, InvalidKeySet> {
        match self.id {
            IssuerId::Url(_) => KeySet::parse(document, &self.algorithms),
            IssuerId::TrustDomain(_) => KeySet::parse_bundle(document, &self.algorithms),
        }
    }

    /// How long the keys of a document that was just read are fresh. A fetched bundle says itself how often it wants to be read.
    pub(super) fn fresh_for(&self, document: &KeyDocument, keys: &KeySet) -> Duration {
        match (&self.id, &self.source) {
            (_, KeySource::JwksFile(_)) => FILE_FRESH_FOR,
            (IssuerId::Url(_), _) => within_bounds(document.max_age, *FRESH_FOR.end()),
            (IssuerId::TrustDomain(_), _) => within_bounds(keys.refresh_hint(), BUNDLE_FRESH_FOR),
        }
    }

    /// The document is read anew each time: an issuer that moves its keys says so there.
    async fn discover(&self, errand: &Errand<'_>, token_file: Option<&Path>) -> Result<KeyDocument, KeysUnread> {
        let credential = match token_file {
            Some(path) => Credential::Sent(read_token(path).await?),
            None => Credential::None,
        };
        let IssuerId::Url(url) = &self.id else { return Err(InvalidDiscovery::Address.into()) };
        let document_url = document_url(url)?;
        let own_origin = document_url.origin();
        let document = self.get(errand, document_url, &credential, MAX_DISCOVERY_BYTES).await?;
        let keys_url = jwks_uri(&document.body, url)?;
        // The token is for the issuer. What its document says cannot send it to anybody else.
        let credential = if keys_url.origin() == own_origin { credential } else { credential.withhold() };
        self.fetch_keys(errand, keys_url, credential).await
    }

    async fn fetch_keys(&self, errand: &Errand<'_>, url: Url, credential: Credential) -> Result<KeyDocument, KeysUnread> {
        let served_by = url.origin().ascii_serialization().into();
        let response = self.get(errand, url, &credential, MAX_KEY_SET_BYTES).await?;
        Ok(KeyDocument { bytes: response.body, max_age: response.max_age, served_by: Some(served_by) })
    }

    async fn get(&self, errand: &Errand<'_>, url: Url, credential: &Credential, max_bytes: usize) -> Result<FetchResponse, KeysUnread> {
        let bearer = if let Credential::Sent(token) = credential { Some(token.clone()) } else { None };
        let request = FetchRequest { url, network: self.network, ca_file: self.ca_file.clone(), bearer, max_bytes };
        errand.outbound.get_until(errand.end, &request).await.map_err(|cause| KeysUnread::Fetch {
            url: shown(request.url),
            cause,
            withheld: matches!(credential, Credential::Withheld),
        })
    }
}

/// One reading: every fetch of it ends at the same instant.
struct Errand<'a> {
    outbound: &'a Outbound,
    end: Instant,
}

/// What becomes of the issuer's `discovery_token` in one request.
enum Credential {
    None,
    Sent(SecretString),
    Withheld,
}

impl Credential {
    fn withhold(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Sent(_) | Self::Withheld => Self::Withheld,
        }
    }
}

/// The URL for an error. A discovery document may name one with credentials, which is refused and not repeated.
fn shown(mut url: Url) -> Box<str> {
    // Both fail for a URL without a host, which has no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().chars().take(300).collect::<String>().into()
}

fn within_bounds(stated: Option<Seconds>, default: Duration) -> Duration {
    stated.map_or(default, |stated| stated.as_duration().clamp(*FRESH_FOR.start(), *FRESH_FOR.end()))
}

/// Read for each use: the token of a Kubernetes service account is replaced every hour.
async fn read_token(path: &Path) -> Result<SecretString, KeysUnread> {
    let bytes = Zeroizing::new(read_file(path, MAX_DISCOVERY_TOKEN_BYTES).await?);
    let token = bytes.trim_ascii();
    let text = std::str::from_utf8(token).ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    text.map(SecretString::from).ok_or_else(|| KeysUnread::TokenFile { path: path.to_path_buf() })
}

fn advice(cause: &FetchError, withheld: bool) -> &'static str {
    match cause {
        FetchError::Status(401 | 403) if withheld => {
            "; `discovery_token` is sent to the issuer's own origin only, and these keys are elsewhere; use `jwks_file` instead"
        }
        FetchError::Status(401 | 403) => "; the endpoint asks for authorisation, see `discovery_token`",
        _ => "",
    }
}
