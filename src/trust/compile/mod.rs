//! From what the documents say to what the server uses.
//!
//! Owns: everything that can be told only from all documents together. Must not know: files.

mod client;
mod conditions;
mod issuer;
mod origin;
mod parties;
mod relationship;
mod target;
mod version;

use std::path::PathBuf;

use crate::document::{Diagnostic, Diagnostics};
use crate::domain::{Digest256, IssuerUrl, Timestamp};
use crate::issuers::{ClientSettings, IssuerSettings};
use crate::policy::{TrustPolicy, TrustPolicyBuilder};

use super::read::Reader;
use super::trust_test::TrustTest;

use client::compile_clients;
use issuer::compile_issuers;
use relationship::RelationshipCompiler;
use target::compile_targets;

/// What loading trust needs to know of the server.
#[derive(Clone, Debug)]
pub struct TrustSettings {
    /// Every `*.toml` below it is read.
    pub directory: PathBuf,
    /// Our own issuer: the audience that subject tokens must have, unless their issuer is registered with others.
    pub own_issuer: IssuerUrl,
    /// Whether issuers on the loopback network are accepted: only while every listener is on loopback too.
    pub loopback_issuers: bool,
}

/// Trust, ready for use.
#[derive(Debug)]
pub struct CompiledTrust {
    /// Every registered issuer, sorted by name.
    pub issuers: Vec<IssuerSettings>,
    /// Every registered client, sorted by name.
    pub clients: Vec<ClientSettings>,
    /// Every target and relationship.
    pub policy: TrustPolicy,
    /// SHA-256 of issuers, clients, targets and relationships in one canonical form: files, comments, order and tests leave it alone.
    pub version: Digest256,
    /// What the lints have to say, sorted by place.
    pub warnings: Vec<Diagnostic>,
    /// The trust tests, in the order in which they were read.
    pub tests: Vec<TrustTest>,
}

/// Compiles what was read. `None` when there is an error among the diagnostics; otherwise they become the warnings.
pub(super) fn compile(
    mut read: Reader,
    settings: &TrustSettings,
    now: Timestamp,
    diagnostics: Diagnostics,
) -> Result<CompiledTrust, Diagnostics> {
    let issuers = compile_issuers(std::mem::take(&mut read.issuers), settings, &diagnostics);
    let targets = compile_targets(std::mem::take(&mut read.targets), &read, &diagnostics);
    let relationships = std::mem::take(&mut read.relationships);
    let clients = compile_clients(std::mem::take(&mut read.clients), &read, settings, &diagnostics);
    let mut builder = TrustPolicyBuilder::default();
    for target in targets.values() {
        builder.target(std::sync::Arc::clone(target));
    }
    let mut tests = Vec::new();
    let compiler = RelationshipCompiler { read: &read, issuers: &issuers, targets: &targets, now, diagnostics: &diagnostics };
    // Each document is dropped when its relationship is compiled: they are never all in memory twice.
    for relationship in relationships {
        if let Some((relationship, own_tests)) = compiler.compile(relationship) {
            builder.relationship(relationship);
            tests.extend(own_tests);
        }
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let policy = builder.build();
    let mut issuers: Vec<_> = issuers.into_values().filter_map(|issuer| issuer.settings).collect();
    issuers.sort_by(|a, b| a.name.cmp(&b.name));
    let version = version::of(&issuers, &clients, &policy, &settings.directory);
    Ok(CompiledTrust { issuers, clients, policy, version, warnings: diagnostics.into_sorted(), tests })
}
