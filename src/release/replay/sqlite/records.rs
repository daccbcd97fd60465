//! The records of spent tokens.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::domain::Timestamp;
use crate::release::issuance::{OpaqueRecord, Times};
use crate::release::replay::spend::{Owner, Spend, Verdict};
use crate::release::replay::{CLOCK_OFFSET, RECORD_MARGIN, REPEAT_FOR};

use super::history::{History, instant, offset, seconds};
use super::opaque;

/// The whole answer to "may this pass": clock, expiry, fence, record, in one transaction. `handle` is what the released token stands for,
/// when it is opaque.
pub(super) fn spend(conn: &Connection, spend: &Spend, handle: Option<&OpaqueRecord>, now: Timestamp) -> rusqlite::Result<Verdict> {
    let delay = offset(now, spend.sent_at);
    // Here both readings are of one clock: beyond D it stepped, or the job waited so long that its caller has given up.
    if delay.unsigned_abs() > CLOCK_OFFSET.0 {
        return Ok(Verdict::Clock { offset: delay });
    }
    let history = History::load(conn, now)?;
    let time = match history.time(conn, now)? {
        Ok(time) => time,
        Err(back) => return Ok(Verdict::Clock { offset: back.offset }),
    };
    if time >= spend.refused_from {
        return Ok(Verdict::Expired);
    }
    if spend.issued_at <= history.fence_until {
        return Ok(Verdict::Fenced { until: history.fence_until });
    }
    let verdict = remember(conn, spend, time)?;
    match (verdict, handle) {
        (Verdict::Fresh, Some(handle)) => opaque::keep(conn, handle)?,
        // Whoever was first wrote what the handle stands for, in the transaction that wrote the record.
        (Verdict::OwnRetry | Verdict::Repeat { .. }, Some(handle)) if opaque::find(conn, &handle.name)?.is_none() => {
            return Ok(Verdict::NotStored);
        }
        _ => {}
    }
    Ok(verdict)
}

/// The primary key decides who was first.
fn remember(conn: &Connection, spend: &Spend, time: Timestamp) -> rusqlite::Result<Verdict> {
    let keep_until = spend.refused_from + CLOCK_OFFSET + RECORD_MARGIN;
    let released = spend.owner.may_repeat().then_some(spend.released);
    let mut insert = conn.prepare_cached(
        "INSERT INTO replay_spent (key, owner, spent_at, keep_until, released_iat, released_exp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (key) DO NOTHING",
    )?;
    let inserted = insert.execute(params![
        spend.key.as_bytes(),
        spend.owner.as_bytes(),
        seconds(time),
        seconds(keep_until),
        released.map(|times| seconds(times.issued_at)),
        released.map(|times| seconds(times.expires_at)),
    ])?;
    if inserted == 1 {
        return Ok(Verdict::Fresh);
    }
    Ok(Record::find(conn, spend)?.map_or(Verdict::NotStored, |record| record.verdict(&spend.owner, time)))
}

/// What is remembered of a spend.
struct Record {
    owner: Vec<u8>,
    spent_at: Timestamp,
    released: Option<Times>,
}

impl Record {
    fn find(conn: &Connection, spend: &Spend) -> rusqlite::Result<Option<Self>> {
        let mut select = conn.prepare_cached("SELECT owner, spent_at, released_iat, released_exp FROM replay_spent WHERE key = ?1")?;
        let read = |row: &Row<'_>| {
            let (issued_at, expires_at): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let times = |(issued_at, expires_at)| Times { issued_at: instant(issued_at), expires_at: instant(expires_at) };
            let released = issued_at.zip(expires_at).map(times);
            Ok(Self { owner: row.get(0)?, spent_at: instant(row.get(1)?), released })
        };
        select.query_row([spend.key.as_bytes()], read).optional()
    }

    /// What it means for a later spend of its token.
    fn verdict(&self, owner: &Owner, time: Timestamp) -> Verdict {
        let replayed = Verdict::Replayed { first_at: self.spent_at };
        if self.owner != owner.as_bytes() {
            return replayed;
        }
        match (owner, self.released) {
            (Owner::Attempt(_), _) => Verdict::OwnRetry,
            (Owner::Request(_), Some(Times { issued_at, expires_at })) if time <= self.spent_at + REPEAT_FOR => {
                Verdict::Repeat { issued_at, expires_at }
            }
            (Owner::Request(_), _) => replayed,
        }
    }
}

/// Adds the columns that an older database does not have. Idempotent.
pub(super) fn add_missing_columns(conn: &Connection) -> rusqlite::Result<()> {
    for (column, add) in [
        ("released_iat", "ALTER TABLE replay_spent ADD COLUMN released_iat INTEGER"),
        ("released_exp", "ALTER TABLE replay_spent ADD COLUMN released_exp INTEGER"),
    ] {
        let present = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('replay_spent') WHERE name = ?1)";
        if !conn.query_row(present, [column], |row| row.get(0))? {
            conn.execute_batch(add)?;
        }
    }
    Ok(())
}

/// Forgets at most `most` records that ended by `time`; returns how many.
pub(super) fn purge(conn: &Connection, time: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM replay_spent WHERE key IN (SELECT key FROM replay_spent WHERE keep_until <= ?1 ORDER BY keep_until LIMIT ?2)",
    )?;
    delete.execute(params![seconds(time), most])
}
