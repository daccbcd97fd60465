//! From the trust directory to compiled trust.

use std::path::Path;
use std::time::Duration;

use crate::document::Diagnostics;
use crate::domain::{Digest256, Timestamp};

use super::compile::{CompiledTrust, TrustSettings, compile};
use super::directory::Listing;
use super::read::Reader;

/// How often a directory is read again when it changes under the reader.
const ATTEMPTS: usize = 10;
/// How long to wait for whoever is writing.
const PAUSE: Duration = Duration::from_millis(20);

/// Loads trust: every file below the directory, or nothing. All that is wrong with it is reported, not only the first fault.
///
/// `now` tells which reviews are overdue. Blocks on the file system.
pub fn load(settings: &TrustSettings, now: Timestamp) -> Result<CompiledTrust, Diagnostics> {
    let (snapshot, reader) = parse(&settings.directory);
    compile(reader, settings, now, snapshot.diagnostics)
}

/// What one coherent reading of the directory found.
pub(super) struct Snapshot {
    pub(super) listing: Listing,
    /// Names every file and its contents.
    pub(super) content: Digest256,
    /// What could not be read.
    pub(super) diagnostics: Diagnostics,
}

/// Reads all files without looking into them.
pub(super) fn fingerprint(directory: &Path) -> Snapshot {
    read(directory, |(), _, _, _| {}).0
}

/// Reads and parses all files.
pub(super) fn parse(directory: &Path) -> (Snapshot, Reader) {
    read(directory, |reader: &mut Reader, path, text, diagnostics| match text {
        Some(text) => reader.read(path, text, diagnostics),
        None => reader.incomplete = true,
    })
}

/// Reads all files, one after the other, so that only one text is in memory at a time; a file that cannot be read has none.
///
/// Coherent: when the listing is not the same before and after, everything is read again, because half of an update is no update.
fn read<V: Default>(directory: &Path, visit: impl Fn(&mut V, &Path, Option<&str>, &Diagnostics)) -> (Snapshot, V) {
    let mut attempt = 1;
    loop {
        let diagnostics = Diagnostics::new();
        let listing = Listing::of(directory, &diagnostics);
        let mut visited = V::default();
        let mut digests = Vec::new();
        for file in &listing.files {
            let text = file.read(&diagnostics);
            visit(&mut visited, &file.path, text.as_deref(), &diagnostics);
            digests.extend(text.iter().flat_map(|text| *file.digest(text).as_bytes()));
        }
        let settled = Listing::of(directory, &Diagnostics::new()) == listing;
        if !settled && attempt < ATTEMPTS {
            attempt += 1;
            std::thread::sleep(PAUSE);
            continue;
        }
        if !settled {
            diagnostics.error(format!("{}: its files keep changing while they are read", directory.display()));
        } else if listing.files.is_empty() && !diagnostics.has_errors() {
            let advice = "no trust file in it: write at least one *.toml that registers an issuer and a target";
            diagnostics.error(format!("{}: {advice}", directory.display()));
        }
        return (Snapshot { listing, content: Digest256::of(&digests), diagnostics }, visited);
    }
}
