//! `[trust]`: where the trust files are.

use std::path::PathBuf;

use crate::document::Table;

use super::value::Folder;

/// The trust directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustSection {
    /// Every `*.toml` below it is read, and read again when it changes.
    pub directory: PathBuf,
}

impl TrustSection {
    pub(super) fn default_in(folder: Folder<'_>) -> Self {
        Self { directory: folder.at("trust") }
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>) -> Self {
        let directory = table.parsed("directory", |text| folder.parse(text));
        table.finish();
        directory.map_or_else(|| Self::default_in(folder), |directory| Self { directory: directory.value })
    }
}
