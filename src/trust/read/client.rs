//! `[client.NAME]`

use crate::document::{Place, Spanned, Table};
use crate::domain::ClientName;

use super::Reader;
use super::issuer::{KeyFields, jwks_uri, network, path};

/// What a document says about a client.
pub(in crate::trust) struct ReadClient {
    pub(in crate::trust) name: ClientName,
    /// Its head, for what is wrong with it as a whole.
    pub(in crate::trust) place: Place,
    pub(in crate::trust) owner: String,
    pub(in crate::trust) keys: KeyFields,
}

impl Reader {
    pub(super) fn read_client(&mut self, key: Spanned<&str>, mut table: Table<'_>) {
        let name = self.client_names.register(&key, &table, ClientName::parse(key.value));
        if !table.has("jwks_file") && !table.has("jwks_uri") {
            table.error("`jwks_file` or `jwks_uri` is missing: say where its public keys are");
        }
        let owner = self.owner(&mut table).as_ref().into();
        let keys = KeyFields {
            jwks_uri: table.parsed("jwks_uri", jwks_uri),
            jwks_file: path(&mut table, "jwks_file"),
            ca_file: path(&mut table, "ca_file"),
            network: table.parsed("network", network),
            ..KeyFields::default()
        };
        table.finish();
        if let Some(name) = name {
            self.clients.push(ReadClient { name: name.value, place: key.place, owner, keys });
        }
    }
}
