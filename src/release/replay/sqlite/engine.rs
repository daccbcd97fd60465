//! The guard's calls as jobs of the store.

use std::sync::Arc;

use crate::domain::{Clock, Timestamp};
use crate::release::issuance::OpaqueRecord;
use crate::release::replay::SpendError;
use crate::release::replay::spend::{Spend, Verdict};
use crate::store::{SqliteStore, StoreError};

use super::history::{History, SteppedBack};
use super::{opaque, records};

/// Remembers in one SQLite database.
pub(in crate::release::replay) struct SqliteEngine {
    clock: Arc<dyn Clock>,
    store: SqliteStore,
}

impl SqliteEngine {
    /// Makes sure that the database has a history, and so a fence, before the first spend: the fence is put up by time, not by use.
    pub(in crate::release::replay) fn new(store: SqliteStore, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let now = clock.now();
        store.run_blocking(move |conn| {
            records::add_missing_columns(conn)?;
            History::load(conn, now)
        })?;
        Ok(Self { clock, store })
    }

    /// Blocks the thread; for start-up.
    pub(in crate::release::replay) fn continue_after(&self, seen: Option<Timestamp>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store.run_blocking(move |conn| History::load(conn, now)?.continue_after(conn, seen, now))
    }

    pub(in crate::release::replay) async fn spend(&self, spend: Spend, record: Option<&OpaqueRecord>) -> Result<Verdict, StoreError> {
        // The clock is read again when the job runs: it may have waited.
        let clock = Arc::clone(&self.clock);
        let Some(record) = record.cloned() else {
            // It fails only when the database does, and then its whole group is undone.
            return self.store.run_without_savepoint(move |conn| records::spend(conn, &spend, None, clock.now())).await;
        };
        self.store.run(move |conn| records::spend(conn, &spend, Some(&record), clock.now())).await
    }

    /// Keeps what an opaque token stands for, when no spend does it.
    pub(in crate::release::replay) async fn keep(&self, record: &OpaqueRecord) -> Result<(), StoreError> {
        let record = record.clone();
        self.store.run(move |conn| opaque::keep(conn, &record)).await
    }

    /// Small batches, each a job of its own, so that spends pass between them.
    pub(in crate::release::replay) async fn tick(&self) -> Result<u64, SpendError> {
        let mut forgotten = 0;
        for _ in 0..BATCHES {
            let clock = Arc::clone(&self.clock);
            let batch = self.store.run(move |conn| {
                let now = clock.now();
                match History::load(conn, now)?.time(conn, now)? {
                    Ok(time) => {
                        let forgotten = records::purge(conn, time, BATCH)?;
                        Ok(Ok(forgotten.max(opaque::purge(conn, time, BATCH)?)))
                    }
                    Err(back) => Ok(Err(back)),
                }
            });
            let count = batch.await?.map_err(|SteppedBack { offset }| SpendError::ClockOffset { offset })?;
            forgotten += u64::try_from(count).unwrap_or(0);
            if count < BATCH as usize {
                break;
            }
        }
        Ok(forgotten)
    }
}

/// Records forgotten in one job: about a millisecond of the writer.
const BATCH: u32 = 256;
/// Jobs of one tick. Forgetting must keep up with spending: together 16,384 records a second.
const BATCHES: u32 = 64;
