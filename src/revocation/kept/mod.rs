//! The state in the store: every change under a number that only grows, and who knows up to which.
//!
//! Owns: reading from any number on, adding without ever replacing, the confirmations of nodes. Must not know: what rules select.

mod redis;
mod sqlite;

use crate::domain::{Clock, Seconds, Timestamp};
use crate::store::redis::Listener;
use crate::store::{RedisStore, Store, StoreError};

use super::known::Held;
use super::rule::{Change, Rule, RuleId};
use super::sync::SyncError;
use super::text;

use std::sync::Arc;

pub use sqlite::SCHEMA;

/// What a node asks and says with each look at the store.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// The name of the node, which thereby confirms that it knows everything up to `since`. None for whoever issues nothing.
    pub(super) node: Option<Box<str>>,
    /// It knows everything up to this number.
    pub(super) since: u64,
    /// The last change that it knows and that the store cannot have forgotten, with its number.
    pub(super) witness: Option<(RuleId, u64)>,
    /// For how long after this look it may issue without another.
    pub(super) max_stale: Seconds,
    /// The time, in milliseconds, for stores that have no clock of their own.
    pub(super) unix_millis: u64,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Seen {
    /// The store's history is not the one that the node knows: it was emptied, or fell back behind it.
    Astray,
    /// Changes after `since`, in the order of their numbers.
    News(News),
}

/// Changes that a node did not know.
#[derive(Debug)]
pub(super) struct News {
    /// Each with its number.
    pub(super) changes: Vec<(u64, Change)>,
    /// Whether there are further ones: then look again at once.
    pub(super) more: bool,
}

/// A change as it stands in the store: number, id, text.
type Row = (u64, String, String);

/// Looks at what is new, and confirms what is known.
pub(super) async fn look(store: &Store, look: &Look) -> Result<Seen, SyncError> {
    let rows = match store {
        Store::Sqlite(store) => {
            let look = look.clone();
            store.run(move |conn| sqlite::look(conn, &look)).await?
        }
        Store::Redis(store) => redis::look(store, look).await?,
    };
    let Some(rows) = rows else { return Ok(Seen::Astray) };
    let more = rows.len() >= PAGE as usize;
    let changes = rows.into_iter().map(|(version, id, text)| Ok((version, text::read(&id, &text)?)));
    Ok(Seen::News(News { changes: changes.collect::<Result<_, SyncError>>()?, more }))
}

/// Adds what is not there yet, with numbers above `floor`. Answers with the number of the last of these changes.
pub(super) async fn add(store: &Store, changes: &[Change], floor: u64, unix_millis: u64) -> Result<u64, StoreError> {
    let rows: Vec<Addition> = changes.iter().map(Addition::of).collect();
    match store {
        Store::Sqlite(store) => store.run(move |conn| sqlite::add(conn, &rows, floor, unix_millis / 1_000)).await,
        Store::Redis(store) => redis::add(store, &rows, floor).await,
    }
}

/// A change on its way into the store.
pub(super) struct Addition {
    id: String,
    /// Seconds since 1970 after which the store may forget it; 0 for never.
    ends: u64,
    text: String,
}

impl Addition {
    fn of(change: &Change) -> Self {
        Self { id: change.id().to_string(), ends: change.ends().map_or(0, Timestamp::unix), text: text::write(change) }
    }
}

/// Adds a change, unless it is there: then nothing happens, so that whoever is not sure may ask again. Running nodes are told at once, where
/// that is possible. Answers with the number that a node must confirm to know it.
///
/// # Errors
/// The store's; the change may have been added nevertheless.
pub async fn publish(store: &Store, change: &Change, clock: &dyn Clock) -> Result<u64, StoreError> {
    add(store, std::slice::from_ref(change), 0, clock.unix_millis()).await
}

/// Every rule in force, oldest first.
///
/// # Errors
/// The store's, or a change that this version cannot read.
pub async fn rules(store: &Store, clock: &dyn Clock) -> Result<Vec<Arc<Rule>>, SyncError> {
    let mut held = Held::default();
    let mut question = Look { node: None, since: 0, witness: None, max_stale: Seconds(0), unix_millis: clock.unix_millis() };
    loop {
        // Who begins at 0 without a witness cannot be astray.
        let Seen::News(news) = look(store, &question).await? else { break };
        for (version, change) in news.changes {
            question.since = version;
            held.learn(version, change);
        }
        if !news.more {
            break;
        }
    }
    Ok(held.in_force(clock.now()))
}

/// What a node last said of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confirmation {
    /// Its name.
    pub node: Box<str>,
    /// It knows every change up to this number.
    pub version: u64,
    /// When, in milliseconds since 1970, by the store's clock.
    pub at_millis: u64,
    /// For how long after that it may issue.
    pub max_stale: Seconds,
}

impl Confirmation {
    /// The millisecond from which on it issues nothing, unless it confirms again.
    #[must_use]
    pub fn stops_at_millis(&self) -> u64 {
        self.at_millis.saturating_add(self.max_stale.0.saturating_mul(1_000))
    }
}

/// What is known of all nodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confirmations {
    /// The time in milliseconds, by the store's clock.
    pub now_millis: u64,
    /// Since when the store remembers nodes: when it lost them, or when the first one looked. 0 for a store that was made by us, and for one
    /// that a single server has for itself.
    pub since_millis: u64,
    /// The last word of every node that has not said goodbye, sorted by name.
    pub nodes: Vec<Confirmation>,
}

impl Confirmations {
    /// Until when a node may issue that the store does not remember, in milliseconds: it looked before, and cannot reach the store now. None
    /// when that is over.
    #[must_use]
    pub fn incomplete_until(&self, max_stale: Seconds) -> Option<u64> {
        let max_stale = self.nodes.iter().map(|node| node.max_stale).max().map_or(max_stale, |longest| longest.max(max_stale));
        let until = self.since_millis.saturating_add(max_stale.0.saturating_mul(1_000));
        (until > self.now_millis).then_some(until)
    }
}

/// What nodes last said.
///
/// # Errors
/// The store's.
pub async fn confirmations(store: &Store, clock: &dyn Clock) -> Result<Confirmations, StoreError> {
    let mut all = match store {
        Store::Sqlite(store) => {
            let nodes = store.run(sqlite::confirmations).await?;
            Confirmations { now_millis: clock.unix_millis(), since_millis: 0, nodes }
        }
        Store::Redis(store) => redis::confirmations(store).await?,
    };
    all.nodes.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(all)
}

/// Says of a new store that no node can have forgotten to be in it.
///
/// # Errors
/// The store's.
pub async fn begin(store: &Store) -> Result<(), StoreError> {
    match store {
        Store::Sqlite(_) => Ok(()),
        Store::Redis(store) => redis::begin(store).await,
    }
}

/// Begins to hear of additions; see [`super::Revocations::listen`].
pub(super) fn listen(store: &RedisStore, heard: impl Fn() + Send + Sync + 'static) -> Listener {
    redis::listen(store, heard)
}

/// A node that ends says goodbye: nobody waits for it.
pub(super) async fn leave(store: &Store, node: &str) -> Result<(), StoreError> {
    match store {
        Store::Sqlite(store) => {
            let node: Box<str> = node.into();
            store.run(move |conn| sqlite::leave(conn, &node)).await
        }
        Store::Redis(store) => redis::leave(store, node).await,
    }
}

/// Changes of one answer, at most.
const PAGE: u32 = 1_000;
/// What is over and forgotten with one addition, at most: a little more than is added, so that it shrinks.
const FORGOTTEN_AT_ONCE: u32 = 100;
