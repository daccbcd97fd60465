//! Registered clients: each signs assertions about itself, as an issuer signs tokens about others (RFC 7523 §3).

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::{Audience, ClientName, Clock, IssuerId, IssuerName, IssuerUrl, Seconds};
use crate::outbound::{Network, Outbound};
use crate::token::{Algorithm, Algorithms, Expectations, ReplayMode, SubjectRule};

use super::{IssuerSettings, Issuers, KeySource, TrustedIssuer};

/// One registered client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// `iss` and `sub` of its assertions, and its `client_id`.
    pub name: ClientName,
    /// Who answers for it.
    pub owner: String,
    /// Where its keys come from: a file or a URL, since a client has no discovery document.
    pub keys: KeySource,
    /// Which addresses may be asked for them.
    pub network: Network,
    /// PEM certificates to trust instead of the system's when asking.
    pub ca_file: Option<PathBuf>,
}

/// The registered clients, by name. Their keys are cached and refreshed as those of issuers are.
pub struct Clients {
    /// Under the name of each client, which is the `iss` of its assertions.
    authors: Issuers,
    /// The only audience that an assertion may have.
    own_issuer: IssuerUrl,
}

impl Clients {
    /// Knows nobody yet. Assertions are for `own_issuer`.
    #[must_use]
    pub fn new(own_issuer: IssuerUrl, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { authors: Issuers::of_clients(outbound, clock), own_issuer }
    }

    /// Exactly these are registered from now on. As [`Issuers::replace`]. For one caller at a time.
    pub fn replace(&self, settings: Vec<ClientSettings>) {
        let authors = settings.into_iter().filter_map(|client| {
            let iss = client.name.as_str().into();
            Some((iss, self.author(client)?))
        });
        self.authors.replace_by(authors);
    }

    /// The author of assertions whose `iss` is exactly this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<TrustedIssuer>> {
        self.authors.trusted(name)
    }

    /// All of them, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<TrustedIssuer>> {
        self.authors.all()
    }

    /// As [`Issuers::warm`].
    pub fn warm(&self) {
        self.authors.warm();
    }

    /// As [`Issuers::tick`].
    pub fn tick(&self) {
        self.authors.tick();
    }

    /// The client as the issuer of its assertions. `None` for a name that no issuer could have, which no client has either.
    fn author(&self, client: ClientSettings) -> Option<IssuerSettings> {
        let ClientSettings { name, owner, keys, network, ca_file } = client;
        let name = IssuerName::parse(name.as_str()).ok()?;
        let expectations = expectations(name.clone(), Audience::from(&self.own_issuer));
        // Where keys are discovered the URL says where; a client's are not.
        let url = self.own_issuer.clone();
        Some(IssuerSettings { name, id: IssuerId::Url(url), owner, expectations, keys, network, ca_file, recorded: [].into() })
    }
}

/// What a client assertion must look like (RFC 7523 §3, draft-ietf-oauth-rfc7523bis-11 §4): for our issuer identifier and nobody else, for
/// a few minutes, to be used once. Its explicit type may be missing, but never be another's.
fn expectations(issuer: IssuerName, audience: Audience) -> Expectations {
    Expectations {
        issuer,
        replay: ReplayMode::Once,
        audiences: vec![audience],
        algorithms: Algorithms::from(Algorithm::ALL.to_vec()),
        typ: vec!["client-authentication+jwt".into()],
        typ_required: false,
        extra_audiences: false,
        leeway: LEEWAY,
        iat_skew: IAT_SKEW,
        max_lifetime: LONGEST_ASSERTION,
        max_age: None,
        subject: SubjectRule::Sub,
    }
}

/// The longest life of an assertion, in seconds.
const LONGEST_ASSERTION: Seconds = Seconds(300);
/// Clock difference tolerated for `exp` and `nbf`, in seconds.
const LEEWAY: Seconds = Seconds(60);
/// How far `iat` may lie ahead, in seconds. Never more: the replay fence counts on it.
const IAT_SKEW: Seconds = Seconds(10);
