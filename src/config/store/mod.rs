//! `[store]`: where state is kept.

mod redis;
mod sqlite;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::document::Table;

use super::value::Folder;

pub use redis::{RedisSection, RedisUser};

/// Where state is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StoreSection {
    /// The embedded SQLite database, for one node.
    Sqlite {
        /// The database file.
        file: PathBuf,
    },
    /// Redis, for any number of nodes.
    Redis(Box<RedisSection>),
}

impl StoreSection {
    pub(super) fn default_in(folder: Folder<'_>) -> Self {
        Self::Sqlite { file: folder.at("state/cambist.db") }
    }

    /// The folder of the database, where other state stands beside it; none with Redis.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { file } => Some(file.parent().unwrap_or(Path::new(""))),
            Self::Redis(_) => None,
        }
    }

    /// The database file; none with Redis.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { file } => Some(file),
            Self::Redis(_) => None,
        }
    }

    pub(super) fn read(mut table: Table<'_>, folder: Folder<'_>) -> Self {
        let url = table.value("url");
        let written = url.as_ref().map(|url| url.parse(|text| parse(text, folder)).map(|url| url.value));
        match written {
            Some(Some(Written::Redis(server))) => {
                let section = RedisSection::read(&mut table, folder, server);
                table.finish();
                Self::Redis(Box::new(section))
            }
            written => {
                // Where the URL itself is wrong, that is the fault to report.
                let embedded = !matches!(written, Some(None));
                for name in redis::FIELDS {
                    if let Some(value) = table.value(name)
                        && embedded
                    {
                        value.error("this belongs to a Redis store; an SQLite file takes no such field: remove it");
                    }
                }
                table.finish();
                match written.flatten() {
                    Some(Written::Sqlite(file)) => Self::Sqlite { file },
                    _ => Self::default_in(folder),
                }
            }
        }
    }
}

/// What a URL says.
enum Written {
    Redis(redis::Server),
    Sqlite(PathBuf),
}

fn parse(text: &str, folder: Folder<'_>) -> Result<Written, InvalidStoreUrl> {
    let (scheme, rest) = text.split_once(':').ok_or(InvalidStoreUrl::NotAUrl)?;
    if let Some(authority) = rest.strip_prefix("//")
        && authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
    {
        return Err(InvalidStoreUrl::Credentials);
    }
    match scheme {
        "sqlite" => sqlite::parse(rest, folder).map(Written::Sqlite),
        _ => redis::parse(scheme, rest).map(Written::Redis),
    }
}

/// Why a text is no URL of a store. The text is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug)]
enum InvalidStoreUrl {
    Credentials,
    Memory,
    NotAUrl,
    NotOfRedis,
    NotOfSentinel,
}

impl fmt::Display for InvalidStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => {
                "credentials never stand in the URL of a store: remove everything before the `@`, change the password, and write \
                 username = \"…\" and password = { file = \"…\" }"
            }
            Self::Memory => "a store in memory forgets which tokens were used: name a file",
            Self::NotAUrl => {
                "expected `sqlite:` and the path of a file, such as sqlite:state/cambist.db, or redis://host:6379, rediss://host:6380, \
                 redis+sentinel://host:26379,host:26379,host:26379?master=name, redis+cluster://host:6379,host:6379"
            }
            Self::NotOfRedis => {
                "expected hosts with ports, such as redis://10.0.0.7:6379 (behind it at most the number of a database, /0) or \
                 redis+cluster://10.0.0.7:6379,10.0.0.8:6379; no other path, query or fragment"
            }
            Self::NotOfSentinel => {
                "expected all Sentinels with their ports and the name of the master, such as \
                 redis+sentinel://10.0.0.7:26379,10.0.0.8:26379,10.0.0.9:26379?master=main"
            }
        })
    }
}
