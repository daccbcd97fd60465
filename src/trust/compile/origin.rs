//! Who an issuer is, and where its keys come from.

use std::path::PathBuf;

use url::Url;

use crate::document::{Place, Spanned};
use crate::domain::{IssuerId, IssuerUrl};
use crate::issuers::KeySource;
use crate::outbound::Network;
use crate::trust::preset::{IssuerKind, Preset};
use crate::trust::read::{KeyFields, ReadIssuer};

use super::issuer::Context;

impl Context<'_> {
    /// `None` when something about it was reported.
    pub(super) fn id(&self, read: &ReadIssuer, preset: &Preset, network: Network) -> Option<IssuerId> {
        match preset.kind {
            IssuerKind::Oidc => {
                if let Some(domain) = &read.trust_domain {
                    let message = "only an issuer with preset = \"spiffe\" has one; write the exact `iss` of its tokens as `url`";
                    self.error(Some(&domain.place), "trust_domain", message);
                }
                self.url(read, preset, network).map(IssuerId::Url)
            }
            IssuerKind::Spiffe => self.trust_domain(read, preset),
        }
    }

    fn url(&self, read: &ReadIssuer, preset: &Preset, network: Network) -> Option<IssuerUrl> {
        let written = read.url.as_ref();
        let Some(url) = written.map(|url| &url.value).or(preset.url.as_ref()) else {
            if read.url_reported {
                return None;
            }
            self.error(None, "", &format!("`url` is missing: the preset `{}` has none; write the exact `iss` of its tokens", preset.name));
            return None;
        };
        let place = written.map(|url| &url.place);
        if url.as_str().starts_with("http:") && network != Network::Loopback {
            self.error(place, "url", "plain `http` wants network = \"loopback\"");
        }
        if *url == self.settings.own_issuer {
            self.error(place, "url", "that is this server itself: its own tokens are not exchanged again");
        }
        Some(url.clone())
    }

    fn trust_domain(&self, read: &ReadIssuer, preset: &Preset) -> Option<IssuerId> {
        if let Some(url) = &read.url {
            let message = "a JWT-SVID is told by its trust domain, whatever its `iss` says: remove it";
            self.error(Some(&url.place), "url", message);
        }
        let foreign = |claim: &&Spanned<_>| !preset.subject.contains(&claim.value);
        if let Some(claim) = read.subject.iter().flatten().find(foreign) {
            self.error(Some(&claim.place), "subject", "the subject of a JWT-SVID is its SPIFFE ID: remove it");
        }
        if let Some(algorithm) = read.algorithms.iter().flatten().find(|algorithm| !preset.algorithms.contains(&algorithm.value)) {
            let message = format!("a JWT-SVID is never signed with `{}` (SPIFFE JWT-SVID section 2.1)", algorithm.value.name());
            self.error(Some(&algorithm.place), "algorithms", &message);
        }
        if let Some(typ) = read.typ.iter().flatten().next() {
            self.error(
                Some(&typ.place),
                "typ",
                "the `typ` of a JWT-SVID is `JWT`, `JOSE` or absent (SPIFFE JWT-SVID section 2.3): remove it",
            );
        }
        if read.trust_domain.is_none() && !read.trust_domain_reported {
            let message = "`trust_domain` is missing: write what its SPIFFE IDs have between `spiffe://` and the path";
            self.error(None, "", message);
        }
        read.trust_domain.as_ref().map(|domain| IssuerId::TrustDomain(domain.value.clone()))
    }

    /// `None` when something about them was reported.
    pub(super) fn keys(&self, read: &KeyFields, kind: IssuerKind, network: Network) -> Option<KeySource> {
        match kind {
            IssuerKind::Oidc => Some(self.key_set(read, network)),
            IssuerKind::Spiffe => self.bundle(read, network),
        }
    }

    fn key_set(&self, read: &KeyFields, network: Network) -> KeySource {
        if let Some(endpoint) = &read.bundle_endpoint {
            self.error(Some(&endpoint.place), "bundle_endpoint", "only an issuer with preset = \"spiffe\" has one; write `jwks_uri`");
        }
        let token_file = read.discovery_token.as_ref();
        if let (Some(token), true) = (token_file, read.jwks_uri.is_some() || read.jwks_file.is_some()) {
            self.error(Some(&token.place), "discovery_token", "nothing is discovered here: remove it, or `jwks_uri` and `jwks_file`");
        }
        match (&read.jwks_uri, &read.jwks_file) {
            (Some(_), Some(file)) => {
                self.error(Some(&file.place), "jwks_file", "keys come from one place: remove `jwks_uri` or `jwks_file`");
                KeySource::JwksFile(file.value.clone())
            }
            (None, Some(file)) => self.file(file, read.ca_file.as_ref().map(|ca_file| &ca_file.place)),
            (Some(uri), None) => {
                self.check_scheme(uri, "jwks_uri", network);
                KeySource::JwksUri(uri.value.clone())
            }
            (None, None) => KeySource::Discovery { token_file: token_file.map(|file| file.value.clone()) },
        }
    }

    /// Only a bundle says which of its keys sign JWT-SVIDs, so keys that are published in any other way are not asked for.
    fn bundle(&self, read: &KeyFields, network: Network) -> Option<KeySource> {
        if let Some(token) = &read.discovery_token {
            self.error(Some(&token.place), "discovery_token", "nothing is discovered here: remove it");
        }
        if let Some(uri) = &read.jwks_uri {
            let message = "the keys of a trust domain are in its bundle: write `bundle_endpoint`, or `jwks_file`";
            self.error(Some(&uri.place), "jwks_uri", message);
            return None;
        }
        match (&read.bundle_endpoint, &read.jwks_file) {
            (Some(_), Some(file)) => {
                self.error(Some(&file.place), "jwks_file", "keys come from one place: remove `bundle_endpoint` or `jwks_file`");
                None
            }
            (Some(endpoint), None) => {
                self.check_scheme(endpoint, "bundle_endpoint", network);
                Some(KeySource::JwksUri(endpoint.value.clone()))
            }
            (None, Some(file)) => Some(self.file(file, read.ca_file.as_ref().map(|ca_file| &ca_file.place))),
            (None, None) => {
                if !read.reported {
                    let message = "`bundle_endpoint` or `jwks_file` is missing: write where the bundle of the trust domain is";
                    self.error(None, "", message);
                }
                None
            }
        }
    }

    fn file(&self, file: &Spanned<PathBuf>, ca_file: Option<&Place>) -> KeySource {
        if ca_file.is_some() {
            self.error(ca_file, "ca_file", "nothing is fetched here: remove it, or `jwks_file`");
        }
        KeySource::JwksFile(file.value.clone())
    }

    fn check_scheme(&self, url: &Spanned<Url>, field: &str, network: Network) {
        if url.value.scheme() == "http" && network != Network::Loopback {
            self.error(Some(&url.place), field, "plain `http` wants network = \"loopback\"; write an `https` URL");
        }
    }
}
