//! `[store]`: where state is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::document::Table;

use super::path::Folder;

/// The embedded SQLite database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreSection {
    /// The database file.
    pub file: PathBuf,
}

impl StoreSection {
    pub(super) fn default_in(folder: Folder<'_>) -> Self {
        Self { file: folder.at("state/cambist.db") }
    }

    /// The folder of the database: other state stands beside it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>) -> Self {
        let url = table.value("url");
        let written = url.as_ref().map(|url| url.parse(|text| sqlite(text, folder)));
        // Where the URL itself is wrong, that is the fault to report.
        let embedded = !matches!(written, Some(None));
        for name in ONLY_WITH_REDIS {
            if let Some(value) = table.value(name)
                && embedded
            {
                value.error("this belongs to a Redis store; an SQLite file takes no such field: remove it");
            }
        }
        table.finish();
        written.flatten().map_or_else(|| Self::default_in(folder), |file| Self { file: file.value })
    }
}

fn sqlite(text: &str, folder: Folder<'_>) -> Result<PathBuf, InvalidStoreUrl> {
    let (scheme, rest) = text.split_once(':').ok_or(InvalidStoreUrl::NotAUrl)?;
    if let Some(authority) = rest.strip_prefix("//")
        && authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
    {
        return Err(InvalidStoreUrl::Credentials);
    }
    match scheme {
        "sqlite" => {}
        "redis" | "rediss" | "redis+sentinel" | "redis+cluster" => return Err(InvalidStoreUrl::NotYet),
        _ => return Err(InvalidStoreUrl::NotAUrl),
    }
    if rest.contains(":memory:") {
        return Err(InvalidStoreUrl::Memory);
    }
    if rest.starts_with("//") || rest.contains(['?', '#']) || rest.ends_with('/') {
        return Err(InvalidStoreUrl::NotAUrl);
    }
    folder.parse(rest).map_err(|_| InvalidStoreUrl::NotAUrl)
}

/// Why a text is no URL of a store. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug)]
enum InvalidStoreUrl {
    Credentials,
    Memory,
    NotAUrl,
    NotYet,
}

impl fmt::Display for InvalidStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "credentials never stand in the URL of a store: remove everything before the `@`, and change the password",
            Self::Memory => "a store in memory forgets which tokens were used: name a file",
            Self::NotAUrl => {
                "expected `sqlite:` and the path of a file, such as sqlite:state/cambist.db or sqlite:/var/lib/cambist/cambist.db"
            }
            Self::NotYet => "Redis comes with a later version; this one keeps its state in SQLite: write sqlite:state/cambist.db",
        })
    }
}

/// Fields that only a store over the network has.
const ONLY_WITH_REDIS: [&str; 6] = ["username", "password", "ca_file", "client_certificate", "client_key", "prefix"];
