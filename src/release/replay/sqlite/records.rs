//! The records of spent tokens.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::Timestamp;
use crate::release::replay::spend::{Spend, Verdict};
use crate::release::replay::{CLOCK_OFFSET, RECORD_MARGIN};

use super::history::{History, instant, offset, seconds};

/// The whole answer to "may this pass": clock, expiry, fence, record, in one savepoint.
pub(super) fn spend(conn: &Connection, spend: &Spend, now: Timestamp) -> rusqlite::Result<Verdict> {
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
    remember(conn, spend, time)
}

/// The primary key decides who was first.
fn remember(conn: &Connection, spend: &Spend, time: Timestamp) -> rusqlite::Result<Verdict> {
    let keep_until = spend.refused_from + CLOCK_OFFSET + RECORD_MARGIN;
    let mut insert = conn.prepare_cached(
        "INSERT INTO replay_spent (key, owner, spent_at, keep_until) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO NOTHING",
    )?;
    if insert.execute(params![spend.key.as_bytes(), spend.nonce, seconds(time), seconds(keep_until)])? == 1 {
        return Ok(Verdict::Fresh);
    }
    let mut select = conn.prepare_cached("SELECT owner, spent_at FROM replay_spent WHERE key = ?1")?;
    let found = select.query_row([spend.key.as_bytes()], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?))).optional()?;
    Ok(match found {
        Some((owner, _)) if owner == spend.nonce => Verdict::OwnRetry,
        Some((_, spent_at)) => Verdict::Replayed { first_at: instant(spent_at) },
        None => Verdict::NotStored,
    })
}

/// Forgets at most `most` records that ended by `time`; returns how many.
pub(super) fn purge(conn: &Connection, time: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM replay_spent WHERE key IN (SELECT key FROM replay_spent WHERE keep_until <= ?1 ORDER BY keep_until LIMIT ?2)",
    )?;
    delete.execute(params![seconds(time), most])
}
