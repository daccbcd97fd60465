//! Noticing that trust changed, and taking the change whole or not at all.

use std::collections::BTreeSet;

use crate::document::Diagnostics;
use crate::domain::{Digest256, RelationshipName, Timestamp};

use super::compile::{CompiledTrust, TrustSettings, compile};
use super::directory::Listing;
use super::load::{fingerprint, parse};

/// Watches the trust directory for the trust that is in force.
///
/// Does nothing by itself: call [`Self::poll`] every two seconds, and [`Self::force`] when somebody asks. Both block on the file system.
pub struct Reloader {
    settings: TrustSettings,
    /// What the file system said at the last reading; `None` when that tells nothing.
    listing: Option<Listing>,
    /// The contents in force; `None` while what was compiled last could not be put in force.
    accepted: Option<Digest256>,
    /// The contents and the report of the last refusal, until the directory holds again what is in force.
    refused: Option<(Digest256, String)>,
    names: BTreeSet<RelationshipName>,
}

/// What became of a reload.
#[derive(Debug)]
pub enum ReloadOutcome {
    /// The directory says what it said before; or says again what is in force; or is refused for the reasons that were given already.
    Unchanged,
    /// New trust, to be put in force.
    Changed {
        /// The trust.
        trust: Box<CompiledTrust>,
        /// Relationships that are no longer there, sorted. Tokens they permitted live on until they expire.
        removed: Vec<RelationshipName>,
    },
    /// The directory is refused, whole: the trust in force stays.
    Refused(Diagnostics),
}

impl Reloader {
    /// Loads trust for the first time, and begins to watch it.
    pub fn start(settings: TrustSettings, now: Timestamp) -> Result<(Self, CompiledTrust), Diagnostics> {
        let (snapshot, reader) = parse(&settings.directory);
        let trust = without_tests(compile(reader, &settings, now, snapshot.diagnostics)?);
        let names = names(&trust);
        let listing = settled(snapshot.listing, now);
        Ok((Self { settings, listing, accepted: Some(snapshot.content), refused: None, names }, trust))
    }

    /// Whether the directory holds something that was refused: then what is in force is not what is written.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Looks whether the directory changed, and loads it when it did.
    pub fn poll(&mut self, now: Timestamp) -> ReloadOutcome {
        let diagnostics = Diagnostics::new();
        let listing = Listing::of(&self.settings.directory, &diagnostics);
        if diagnostics.is_empty() && self.listing.as_ref() == Some(&listing) {
            return ReloadOutcome::Unchanged;
        }
        self.reload(now)
    }

    /// Reads the directory whatever the file system says, and reports a refusal again.
    pub fn force(&mut self, now: Timestamp) -> ReloadOutcome {
        self.refused = None;
        self.reload(now)
    }

    /// What the last [`ReloadOutcome::Changed`] brought could not be put in force, and the old trust stays. It is brought again: by the
    /// next poll with `retry`, because trying again may help; otherwise when the files change, or by force.
    pub fn not_in_force(&mut self, removed: Vec<RelationshipName>, retry: bool) {
        self.accepted = None;
        // They are still there, and their removal is to be told when it comes.
        self.names.extend(removed);
        if retry {
            self.listing = None;
        }
    }

    fn reload(&mut self, now: Timestamp) -> ReloadOutcome {
        // Hashing is much cheaper than parsing, and most changes of a file's dates are no changes of trust.
        let seen = fingerprint(&self.settings.directory);
        let readable = !seen.diagnostics.has_errors();
        if readable && self.accepted == Some(seen.content) {
            self.listing = settled(seen.listing, now);
            self.refused = None;
            return ReloadOutcome::Unchanged;
        }
        if readable && self.refused.as_ref().is_some_and(|(content, _)| *content == seen.content) {
            self.listing = settled(seen.listing, now);
            return ReloadOutcome::Unchanged;
        }
        let (snapshot, reader) = parse(&self.settings.directory);
        self.listing = settled(snapshot.listing, now);
        match compile(reader, &self.settings, now, snapshot.diagnostics) {
            Ok(trust) => {
                let new = names(&trust);
                let removed = self.names.difference(&new).cloned().collect();
                (self.accepted, self.refused, self.names) = (Some(snapshot.content), None, new);
                ReloadOutcome::Changed { trust: Box::new(without_tests(trust)), removed }
            }
            Err(diagnostics) => {
                let refusal = (snapshot.content, diagnostics.to_string());
                if self.refused.as_ref() == Some(&refusal) {
                    return ReloadOutcome::Unchanged;
                }
                self.refused = Some(refusal);
                ReloadOutcome::Refused(diagnostics)
            }
        }
    }
}

/// The listing, unless a change since could hide behind it.
fn settled(listing: Listing, now: Timestamp) -> Option<Listing> {
    (!listing.is_fresh(now)).then_some(listing)
}

fn names(trust: &CompiledTrust) -> BTreeSet<RelationshipName> {
    trust.policy.relationships().map(|relationship| relationship.name.clone()).collect()
}

/// A server runs no trust tests.
fn without_tests(mut trust: CompiledTrust) -> CompiledTrust {
    trust.tests = Vec::new();
    trust
}
