//! Clients, against the relationships whose names they must not have.

use crate::document::{Diagnostics, Place};
use crate::domain::{ClientName, RelationshipName};
use crate::issuers::{ClientSettings, KeySource};
use crate::outbound::Network;
use crate::trust::read::{KeyFields, ReadClient, Reader};

use super::TrustSettings;

/// All usable clients, sorted by name.
pub(super) fn compile_clients(
    clients: Vec<ReadClient>,
    read: &Reader,
    settings: &TrustSettings,
    diagnostics: &Diagnostics,
) -> Vec<ClientSettings> {
    let compile = |client: ReadClient| {
        let context = Context { name: client.name, place: client.place, settings, diagnostics };
        context.check_name(read);
        context.compile(client.owner, client.keys)
    };
    let mut compiled: Vec<_> = clients.into_iter().filter_map(compile).collect();
    compiled.sort_by(|a, b| a.name.cmp(&b.name));
    compiled
}

/// What the parts of one client need to speak of it.
struct Context<'c> {
    name: ClientName,
    place: Place,
    settings: &'c TrustSettings,
    diagnostics: &'c Diagnostics,
}

impl Context<'_> {
    fn error(&self, place: &Place, field: &str, message: &str) {
        self.diagnostics.error_at(place, format!("client.{}{field}: {message}", self.name));
    }

    /// Both are a `client_id`: whoever is named by one must be known by it alone.
    fn check_name(&self, read: &Reader) {
        let same = RelationshipName::parse(self.name.as_str()).ok();
        if let Some(taken) = same.and_then(|name| read.relationship_names.place(&name)) {
            let message = format!("a relationship at {taken} has the same name, and both are a `client_id`: choose another");
            self.error(&self.place, "", &message);
        }
    }

    fn compile(&self, owner: String, keys: KeyFields) -> Option<ClientSettings> {
        let network = keys.network.as_ref().map_or(Network::Public, |network| network.value);
        if let Some(written) = keys.network.as_ref().filter(|written| written.value == Network::Loopback && !self.settings.loopback_issuers)
        {
            let message = "keys on the loopback network are for one machine: bind every listener to loopback, or write another network";
            self.error(&written.place, ".network", message);
        }
        let ca_file = keys.ca_file.as_ref().map(|file| file.value.clone());
        let source = match (keys.jwks_uri, keys.jwks_file) {
            (Some(_), Some(file)) => {
                self.error(&file.place, ".jwks_file", "keys come from one place: remove `jwks_uri` or `jwks_file`");
                return None;
            }
            (None, Some(file)) => {
                if let Some(ca_file) = &keys.ca_file {
                    self.error(&ca_file.place, ".ca_file", "nothing is fetched here: remove it, or `jwks_file`");
                }
                KeySource::JwksFile(file.value)
            }
            (Some(uri), None) => {
                if uri.value.scheme() == "http" && network != Network::Loopback {
                    self.error(&uri.place, ".jwks_uri", "plain `http` wants network = \"loopback\"; write an `https` URL");
                }
                KeySource::JwksUri(uri.value)
            }
            // Reported when it was read.
            (None, None) => return None,
        };
        Some(ClientSettings { name: self.name.clone(), owner, keys: source, network, ca_file })
    }
}
