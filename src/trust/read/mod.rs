//! From the documents of the trust directory to what they say, one file at a time.
//!
//! Owns: the fields of the documents and everything that can be told from one of them alone. Must not know: what is written elsewhere.

mod client;
mod condition;
mod issuer;
mod registered;
mod relationship;
mod target;
mod trust_test;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;

use crate::document::{Diagnostics, Document, Kind, Place, Spanned, Table};
use crate::domain::{ClaimPath, ClientName, InvalidClaimPath, IssuerName, RelationshipName, TargetName};

pub(super) use client::ReadClient;
pub(super) use issuer::{KeyFields, ReadIssuer};
pub(super) use relationship::{ReadActor, ReadCondition, ReadConditions, ReadGrant, ReadRelationship};
pub(super) use target::ReadTarget;
pub(super) use trust_test::{Expected, ReadTest, TestClaim};

/// Everything that was read so far. What is unusable has been reported.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) issuers: Vec<ReadIssuer>,
    pub(super) targets: Vec<ReadTarget>,
    pub(super) relationships: Vec<ReadRelationship>,
    pub(super) clients: Vec<ReadClient>,
    /// Whether a file could not be read at all: then names that seem to lead nowhere may stand in it.
    pub(super) incomplete: bool,
    pub(super) issuer_names: Names<IssuerName>,
    pub(super) target_names: Names<TargetName>,
    pub(super) client_names: Names<ClientName>,
    pub(super) relationship_names: Names<RelationshipName>,
    paths: HashMap<Box<str>, Arc<ClaimPath>>,
    owners: HashMap<Box<str>, Arc<str>>,
}

impl Reader {
    /// Reads the text of one file.
    pub(super) fn read(&mut self, file: &Path, text: &str, diagnostics: &Diagnostics) {
        let Some(document) = Document::parse(file, text, diagnostics) else {
            self.incomplete = true;
            return;
        };
        let mut root = document.root(diagnostics);
        for (key, table) in named_tables(root.table("issuer")) {
            self.read_issuer(key, table);
        }
        for (key, table) in named_tables(root.table("target")) {
            self.read_target(key, table);
        }
        for (key, table) in named_tables(root.table("trust")) {
            self.read_relationship(key, table);
        }
        for (key, table) in named_tables(root.table("client")) {
            self.read_client(key, table);
        }
        root.finish();
    }

    /// One shared copy of each path: a hundred thousand relationships name the same few claims.
    fn path(&mut self, written: &str) -> Result<Arc<ClaimPath>, InvalidClaimPath> {
        if let Some(path) = self.paths.get(written) {
            return Ok(Arc::clone(path));
        }
        let path = Arc::new(ClaimPath::parse(written)?);
        self.paths.insert(written.into(), Arc::clone(&path));
        Ok(path)
    }

    /// One shared copy of each owner.
    fn owner(&mut self, table: &mut Table<'_>) -> Arc<str> {
        let owner = table.required_text("owner", "name the team or mailbox that answers for it").map_or("", |owner| owner.value);
        if let Some(known) = self.owners.get(owner) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = owner.into();
        self.owners.insert(owner.into(), Arc::clone(&shared));
        shared
    }
}

/// The members of `[issuer]`, `[target]`, `[trust]` or `[client]`: tables under names.
fn named_tables(table: Option<Table<'_>>) -> impl Iterator<Item = (Spanned<&str>, Table<'_>)> {
    let entries = table.map(Table::entries).unwrap_or_default();
    entries.into_iter().filter_map(|entry| {
        if let Kind::Table(table) = entry.value.kind() {
            return Some((entry.key, table));
        }
        entry.value.error(format_args!("expected a table [{}], found {}", entry.value.path(), entry.value.type_name()));
        None
    })
}

/// The names of one kind, and where each was given first.
pub(super) struct Names<N>(HashMap<N, Place>);

impl<N> Default for Names<N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<N: Clone + Eq + Hash + fmt::Display> Names<N> {
    /// Registers a name; one that is malformed or taken is reported.
    fn register<E: fmt::Display>(&mut self, key: &Spanned<&str>, table: &Table<'_>, parsed: Result<N, E>) -> Option<Spanned<N>> {
        let name = match parsed {
            Ok(name) => name,
            Err(error) => {
                table.error(error);
                return None;
            }
        };
        if let Some(first) = self.0.get(&name) {
            table.error(format_args!("the name `{name}` is taken, at {first}: names are unique across files; choose another"));
            return None;
        }
        let place = key.place.clone();
        self.0.insert(name.clone(), place.clone());
        Some(Spanned { value: name, place })
    }

    /// Where the name was given first.
    pub(super) fn place(&self, name: &N) -> Option<&Place> {
        self.0.get(name)
    }

    /// Whether the name was given to something, usable or not.
    pub(super) fn contains(&self, name: &N) -> bool {
        self.0.contains_key(name)
    }

    /// Every name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &N> {
        self.0.keys()
    }
}
