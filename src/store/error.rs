//! Why the store cannot be used, in sentences for administrators.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::DeploymentId;
use super::redis::RedisFault;

/// Why the store cannot be opened, or why a job has no trustworthy answer. Cloneable, because a whole group shares one failure.
///
/// Whatever the variant, nothing the job wrote may be believed: it may have been committed (when the answer alone was lost) or not.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// `store init` on a store that has an id.
    #[error(
        "{place} is initialised already (deployment {deployment}); nothing to do. If its content is lost for good, run `cambist store init \
         --accept-loss`: every token presented until now will be refused"
    )]
    AlreadyInitialised {
        /// The database file, or the servers.
        place: String,
        /// Its id.
        deployment: DeploymentId,
    },
    /// The store was closed, or its thread ended.
    #[error("the store is closed")]
    Closed,
    /// The file is damaged, or no database at all.
    #[error(
        "{} is damaged or not an SQLite database ({cause}); it was left untouched. Restore it from a backup, or move it away and start \
         again: tokens issued before that moment will then be refused", file.display()
    )]
    Corrupt {
        /// The database file.
        file: PathBuf,
        /// What SQLite says.
        cause: Arc<str>,
    },
    /// The file is a healthy database of another program.
    #[error("{} is an SQLite database of another program; give cambist a file of its own ([store] url)", file.display())]
    Foreign {
        /// The database file.
        file: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was tried: `create`, `lock`, ….
        action: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// Its answer.
        source: Arc<io::Error>,
    },
    /// The Redis store shows the deployment id of another history than the one that this process began with.
    #[error(
        "the store belongs to another deployment now ({found}, this process began with {expected}): somebody ran `cambist store init`, or \
         another Redis answers at this address; restart this process to take the new one over"
    )]
    AnotherDeployment {
        /// The id that was there at the start.
        expected: DeploymentId,
        /// The id that is there now.
        found: DeploymentId,
    },
    /// Another server holds the lock.
    #[error(
        "another cambist server uses this store: {} is locked. Stop that server first; several servers cannot share one SQLite file",
        file.display()
    )]
    Locked {
        /// The lock file.
        file: PathBuf,
    },
    /// A command found no store.
    #[error("there is no store at {}; start the server once, or run `cambist store init`", file.display())]
    Missing {
        /// The database file.
        file: PathBuf,
    },
    /// The file was written by a later cambist.
    #[error(
        "{} has store version {found}, this cambist knows up to {known}; run the newer cambist, or restore a backup of before the upgrade",
        file.display()
    )]
    Newer {
        /// The database file.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The file has no deployment id: it was emptied, or somebody else made it.
    #[error(
        "{} exists but holds no cambist store (it has no deployment id); restore it from a backup, or run `cambist store init`",
        file.display()
    )]
    NotInitialised {
        /// The database file.
        file: PathBuf,
    },
    /// No answer, for longer than any store takes that works.
    #[error("the store does not answer")]
    NoAnswer,
    /// The engine accepted a write and does not have it.
    #[error("the store did not keep what was written")]
    NotKept,
    /// The file system cannot do write-ahead logging.
    #[error("{} cannot use write-ahead logging (the file system gave `{mode}`); put the database on a local disk", file.display())]
    NoWriteAheadLog {
        /// The database file.
        file: PathBuf,
        /// The journal mode SQLite fell back to.
        mode: Box<str>,
    },
    /// More jobs wait than the queue holds. Nothing was written.
    #[error("the store is overloaded: its queue is full")]
    Overloaded,
    /// The job panicked. Nothing of it was written.
    #[error("a job of the store panicked; this is a defect of cambist")]
    Panicked,
    /// The database file, its write-ahead log or its deployment id is not the one that was opened.
    #[error("{} was deleted or replaced while the server was running; restart the server", file.display())]
    Replaced {
        /// The database file.
        file: PathBuf,
    },
    /// The transaction of the whole group ended, because of another job. Nothing was written.
    #[error("the store rolled back the whole group of writes{}", cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    RolledBack {
        /// What that job failed with.
        cause: Option<Arc<StoreError>>,
    },
    /// Redis gives no usable answer, or refuses.
    #[error(transparent)]
    Redis(#[from] RedisFault),
    /// SQLite refused.
    #[error("the store failed: {0}")]
    Sqlite(Arc<rusqlite::Error>),
}

impl StoreError {
    /// Which kind of trouble it is, for callers and alerts.
    #[must_use]
    pub const fn trouble(&self) -> StoreTrouble {
        match self {
            Self::Redis(fault) => fault.trouble(),
            _ => StoreTrouble::Unavailable,
        }
    }

    /// Whether spends must be refused although the store answers them: nobody would know of them later, or they may be forgotten.
    #[must_use]
    pub const fn forbids_spending(&self) -> bool {
        matches!(self, Self::Replaced { .. } | Self::AnotherDeployment { .. }) || matches!(self.trouble(), StoreTrouble::Misconfigured)
    }
}

/// What kind of trouble a store is in. A caller can only try again, whatever it is; the distinction is for administrators.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StoreTrouble {
    /// It has no room.
    Full,
    /// A setting of the store, or ours towards it, must be changed.
    Misconfigured,
    /// It does not answer, or cannot be believed.
    Unavailable,
}

impl StoreTrouble {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Full, Self::Misconfigured, Self::Unavailable];

    /// The stable reason of `docs/errors.md`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Full => "store_full",
            Self::Misconfigured => "store_misconfigured",
            Self::Unavailable => "store_unavailable",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}
