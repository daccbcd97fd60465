//! What the database knows about its own past: up to when it may have forgotten something, and how late it has been.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::domain::Timestamp;
use crate::release::replay::{CLOCK_OFFSET, FENCE_MARGIN};

/// The one row of `replay_history`.
///
/// The row is written together with the first look at a database that has none: created just now, emptied, or tampered with. In each
/// case spends may have been forgotten, so it begins with a fence.
#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    pub(super) fence_until: Timestamp,
    high_water: Timestamp,
}

/// The clock went back behind the high-water mark by more than D. Nothing can be said about expiry then.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteppedBack {
    /// Negative seconds.
    pub(super) offset: i64,
}

impl History {
    /// Reads the row; puts up the fence when it is missing.
    pub(super) fn load(conn: &Connection, now: Timestamp) -> rusqlite::Result<Self> {
        let mut select = conn.prepare_cached("SELECT fence_until, high_water FROM replay_history WHERE only = 1")?;
        let found = select.query_row([], |row| Ok(Self { fence_until: instant(row.get(0)?), high_water: instant(row.get(1)?) }));
        match found.optional()? {
            Some(history) => Ok(history),
            None => begin(conn, now),
        }
    }

    /// The time to judge by: `now`, or the high-water mark while the clock is behind it by no more than D. Remembers it.
    pub(super) fn time(self, conn: &Connection, now: Timestamp) -> rusqlite::Result<Result<Timestamp, SteppedBack>> {
        if now + CLOCK_OFFSET < self.high_water {
            return Ok(Err(SteppedBack { offset: offset(now, self.high_water) }));
        }
        if now > self.high_water {
            // Once a second, not once a spend: later jobs of this second find it done.
            conn.prepare_cached("UPDATE replay_history SET high_water = ?1 WHERE only = 1")?.execute([seconds(now)])?;
        }
        Ok(Ok(now.max(self.high_water)))
    }

    /// Takes note that something else was written as late as `seen`. When that is later than this database ever knew by more than D,
    /// spends may be missing in it: an older copy. The fence then goes up as for a new one. Says whether it did.
    pub(super) fn continue_after(self, conn: &Connection, seen: Option<Timestamp>, now: Timestamp) -> rusqlite::Result<bool> {
        let older = seen.is_some_and(|seen| seen > self.high_water + CLOCK_OFFSET);
        let fence_until = if older { self.fence_until.max(now + FENCE_MARGIN) } else { self.fence_until };
        // Together: whoever writes something now, and crashes before the first tick, must not look like a later life of this database.
        write(conn, &Self { fence_until, high_water: self.high_water.max(now) })?;
        Ok(older)
    }
}

/// Cuts off everything issued before now and believes this clock from now on: for `store init --accept-loss`, when no server runs.
///
/// Also the way out when the clock was once far ahead: the high-water mark is set back to `now`. Records are kept.
///
/// # Errors
/// SQLite's; then nothing changed.
pub fn cut_off(conn: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    begin(conn, now).map(drop)
}

fn begin(conn: &Connection, now: Timestamp) -> rusqlite::Result<History> {
    let history = History { fence_until: now + FENCE_MARGIN, high_water: now };
    write(conn, &history)?;
    Ok(history)
}

fn write(conn: &Connection, history: &History) -> rusqlite::Result<()> {
    let mut write = conn.prepare_cached("INSERT OR REPLACE INTO replay_history (only, fence_until, high_water) VALUES (1, ?1, ?2)")?;
    write.execute(params![seconds(history.fence_until), seconds(history.high_water)]).map(drop)
}

/// Seconds by which `left` is ahead of `right`.
pub(super) fn offset(left: Timestamp, right: Timestamp) -> i64 {
    seconds(left) - seconds(right)
}

/// An instant as SQLite holds it.
pub(super) fn seconds(instant: Timestamp) -> i64 {
    // Below 2⁵³, so it always fits.
    i64::try_from(instant.unix()).unwrap_or(i64::MAX)
}

/// Back from [`seconds`].
pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_unix(u64::try_from(seconds).unwrap_or(0))
}
