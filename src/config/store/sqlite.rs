//! An SQLite store, as a URL names it.

use std::path::PathBuf;

use super::InvalidStoreUrl;
use crate::config::value::Folder;

/// The file that stands behind `sqlite:`.
pub(super) fn parse(rest: &str, folder: Folder<'_>) -> Result<PathBuf, InvalidStoreUrl> {
    if rest.contains(":memory:") {
        return Err(InvalidStoreUrl::Memory);
    }
    if rest.starts_with("//") || rest.contains(['?', '#']) || rest.ends_with('/') {
        return Err(InvalidStoreUrl::NotAUrl);
    }
    folder.parse(rest).map_err(|_| InvalidStoreUrl::NotAUrl)
}
