//! The SQLite guard: the contract, and what only SQLite can do wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use secrecy::ExposeSecret as _;

use crate::domain::{Clock, Digest256, ManualClock, Seconds, Timestamp};
use crate::release::issuance::{Handle, OpaqueRecord, ReplayKey, Spends};
use crate::store::{OpenMode, SqliteSettings, SqliteStore, Store};
use crate::token::ReplayMode;

use super::conformance::{START, World, all_at_once, honours_the_contract, lasting_ten_minutes, past_the_fence, token, use_up, word};
use super::guard::Attempt;
use super::{CLOCK_OFFSET, FENCE_MARGIN, OpaqueTokens, ReplayGuard, SpendError, sqlite};

/// A directory with a database, and a guard on it.
pub(super) struct SqliteWorld {
    clock: Arc<ManualClock>,
    directory: tempfile::TempDir,
    open: Option<(SqliteStore, ReplayGuard)>,
}

impl SqliteWorld {
    pub(super) fn new() -> Self {
        let mut world = Self { clock: Arc::new(ManualClock::at(START)), directory: tempfile::tempdir().unwrap(), open: None };
        world.start();
        world
    }

    fn settings(&self) -> SqliteSettings {
        SqliteSettings { path: self.directory.path().join("cambist.db") }
    }

    fn store(&self) -> &SqliteStore {
        &self.open.as_ref().unwrap().0
    }

    fn start(&mut self) {
        self.stop();
        let store = SqliteStore::open(&self.settings(), &[sqlite::SCHEMA], OpenMode::Serve).unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let guard = ReplayGuard::sqlite(store.clone(), clock).unwrap();
        self.open = Some((store, guard));
    }

    fn stop(&mut self) {
        self.open = None;
    }
}

impl World for SqliteWorld {
    fn guard(&self) -> &ReplayGuard {
        &self.open.as_ref().unwrap().1
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn try_restart(&mut self) -> Result<(), SpendError> {
        self.start();
        Ok(())
    }

    async fn lose_everything(&mut self) {
        self.stop();
        for name in ["cambist.db", "cambist.db-wal", "cambist.db-shm"] {
            let file: PathBuf = self.directory.path().join(name);
            if file.exists() {
                fs::remove_file(file).unwrap();
            }
        }
        self.start();
    }

    fn opaque_tokens(&self) -> OpaqueTokens {
        OpaqueTokens::new(Store::Sqlite(self.store().clone()))
    }

    /// One clock, compared with what the database remembers of it: behind.
    fn offset_after_going_back(&self, seconds: i64) -> i64 {
        -seconds
    }

    fn records(&self) -> usize {
        let count = |conn: &rusqlite::Connection| conn.query_row("SELECT count(*) FROM replay_spent", [], |row| row.get::<_, u32>(0));
        self.store().run_blocking(count).unwrap() as usize
    }
}

honours_the_contract!(async { SqliteWorld::new() });

#[tokio::test]
async fn a_reusable_token_does_not_need_the_store() {
    let world = past_the_fence(SqliteWorld::new());
    world.store().run_blocking(|conn| conn.execute_batch("DROP TABLE replay_spent; DROP TABLE replay_history")).unwrap();
    let once = token("a", &world);
    let reusable = Spends { mode: ReplayMode::Reusable, ..once.clone() };
    assert_eq!(word(&use_up(&world, &reusable).await), "fresh");
    assert_eq!(word(&use_up(&world, &once).await), "store_unavailable");
}

#[tokio::test]
async fn history_that_vanishes_while_running_puts_up_the_fence_again() {
    let world = past_the_fence(SqliteWorld::new());
    let spends = token("a", &world);
    assert_eq!(word(&use_up(&world, &spends).await), "fresh");
    world.store().run_blocking(|conn| conn.execute_batch("DELETE FROM replay_spent; DELETE FROM replay_history")).unwrap();
    assert_eq!(word(&use_up(&world, &spends).await), "fenced");
    world.clock().advance(FENCE_MARGIN + Seconds(1));
    assert_eq!(word(&use_up(&world, &token("b", &world)).await), "fresh", "the fence stays where it was put");
}

#[tokio::test]
async fn accepting_a_loss_cuts_off_everything_before_and_believes_the_clock() {
    let mut world = past_the_fence(SqliteWorld::new());
    let now = world.clock().now();
    let spends = token("a", &world);
    // The clock was once a year ahead, which the database remembers.
    world.clock().advance(Seconds(31_536_000));
    world.guard().tick().await.unwrap();
    world.clock().step_to(now);
    assert_eq!(word(&use_up(&world, &spends).await), "clock_offset");

    world.stop();
    let init = SqliteStore::open(&world.settings(), &[sqlite::SCHEMA], OpenMode::Init { accept_loss: true }).unwrap();
    init.run(move |conn| sqlite::cut_off(conn, now)).await.unwrap();
    drop(init);
    world.start();
    assert_eq!(word(&use_up(&world, &spends).await), "fenced");
    world.clock().advance(FENCE_MARGIN + Seconds(1));
    assert_eq!(word(&use_up(&world, &token("b", &world)).await), "fresh");
}

#[tokio::test]
async fn forgetting_goes_in_batches_and_keeps_up() {
    let world = past_the_fence(SqliteWorld::new());
    let soon = (world.clock().now() + Seconds(1)).unix();
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO replay_spent (key, owner, spent_at, keep_until) SELECT randomblob(32), x'00', 0, {soon} FROM n"
    );
    world.store().run_blocking(move |conn| conn.execute_batch(&fill)).unwrap();
    assert_eq!(world.guard().tick().await.unwrap().forgotten, 0);
    world.clock().advance(Seconds(1));
    assert_eq!(world.guard().tick().await.unwrap().forgotten, 16_384);
    assert_eq!(world.guard().tick().await.unwrap().forgotten, 20_000 - 16_384);
    assert_eq!(world.records(), 0);
}

#[test]
fn the_fence_is_put_up_by_time_and_not_by_the_first_use() {
    let world = SqliteWorld::new();
    world.clock().advance(Seconds(1_000));
    let until = |conn: &rusqlite::Connection| conn.query_row("SELECT fence_until FROM replay_history", [], |row| row.get(0));
    let until: i64 = world.store().run_blocking(until).unwrap();
    assert_eq!(Timestamp::from_unix(until.unsigned_abs()), START + FENCE_MARGIN);
}

#[tokio::test]
async fn a_store_that_others_are_ahead_of_is_fenced_like_a_new_one() {
    for (seen, fenced, why) in [
        (None, false, "nobody knows better"),
        (Some(Seconds(0)), false, "as late as the store"),
        (Some(CLOCK_OFFSET), false, "a crash between a line and the next tick"),
        (Some(CLOCK_OFFSET + Seconds(1)), true, "spends are missing"),
    ] {
        let mut world = past_the_fence(SqliteWorld::new());
        world.guard().tick().await.unwrap();
        let seen = seen.map(|ahead| world.clock().now() + ahead);
        world.clock().advance(Seconds(3_600));
        assert_eq!(world.guard().continue_after(seen).unwrap(), fenced, "{why}");
        let expected = if fenced { "fenced" } else { "fresh" };
        assert_eq!(word(&use_up(&world, &token("a", &world)).await), expected, "{why}");
        let late = Some(world.clock().now() + CLOCK_OFFSET);
        world.start();
        assert!(!world.guard().continue_after(late).unwrap(), "{why}: what it was told once, it remembers");
        world.clock().advance(FENCE_MARGIN + Seconds(1));
        assert_eq!(word(&use_up(&world, &token("b", &world)).await), "fresh", "{why}");
    }
}

#[tokio::test]
async fn a_database_made_before_requests_could_be_repeated_goes_on() {
    let mut world = past_the_fence(SqliteWorld::new());
    let old = token("old", &world);
    assert_eq!(word(&use_up(&world, &old).await), "fresh");
    let columns = "ALTER TABLE replay_spent DROP COLUMN released_iat; ALTER TABLE replay_spent DROP COLUMN released_exp";
    world.store().run_blocking(move |conn| conn.execute_batch(columns)).unwrap();
    for why in ["the first start adds the columns", "the second finds them"] {
        world.start();
        let repeatable = |name: &str| Spends { owner: Some(Digest256::of(name.as_bytes())), ..token(name, &world) };
        assert_eq!(word(&use_up(&world, &old).await), "replayed", "{why}");
        assert_eq!(word(&use_up(&world, &repeatable("old")).await), "replayed", "{why}");
        assert_eq!(word(&use_up(&world, &repeatable(why)).await), "fresh", "{why}");
        assert_eq!(word(&use_up(&world, &repeatable(why)).await), "repeat", "{why}");
    }
    // What the guard of that time wrote, and read.
    let insert = "INSERT INTO replay_spent (key, owner, spent_at, keep_until) VALUES (zeroblob(32), x'00', 1, 2) ON CONFLICT DO NOTHING";
    assert_eq!(world.store().run_blocking(move |conn| conn.execute(insert, [])).unwrap(), 1);
}

#[tokio::test]
async fn a_fence_refuses_what_is_still_remembered_too() {
    let world = past_the_fence(SqliteWorld::new());
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    assert_eq!(word(&use_up(&world, &spends).await), "fresh");
    world.store().run_blocking(|conn| conn.execute_batch("DELETE FROM replay_history")).unwrap();
    assert_eq!(word(&use_up(&world, &spends).await), "fenced");
}

#[tokio::test]
async fn a_record_without_the_times_of_its_token_is_not_repeated() {
    let world = past_the_fence(SqliteWorld::new());
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    assert_eq!(word(&use_up(&world, &spends).await), "fresh");
    world.store().run_blocking(|conn| conn.execute_batch("UPDATE replay_spent SET released_exp = NULL")).unwrap();
    assert_eq!(word(&use_up(&world, &spends).await), "replayed");
}

#[tokio::test]
async fn a_repeat_whose_handle_nobody_could_explain_is_not_released() {
    let world = past_the_fence(SqliteWorld::new());
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    let bucket = ReplayKey::of(&spends).unwrap().bucket();
    let (handle, released) = (Handle::new(bucket, &[7; 32]), lasting_ten_minutes(world.clock().now()));
    let record = OpaqueRecord::seal(&handle, &"jwt".into(), released.expires_at).unwrap();
    let attempt = Attempt { nonce: OnceLock::new(), released, record: Some(&record) };
    assert_eq!(word(&world.guard().use_up(&spends, &attempt).await), "fresh");
    assert_eq!(word(&world.guard().use_up(&spends, &attempt).await), "repeat");
    world.store().run_blocking(|conn| conn.execute_batch("DELETE FROM opaque_token")).unwrap();
    assert_eq!(word(&world.guard().use_up(&spends, &attempt).await), "store_unavailable");
    assert_eq!(word(&use_up(&world, &spends).await), "repeat", "a token that is no handle needs no record");
}

#[tokio::test]
async fn what_is_no_handle_is_not_looked_for() {
    let world = SqliteWorld::new();
    let good = Handle::new(1, &[7; 32]).into_text();
    let good = good.expose_secret();
    assert!(world.opaque_tokens().resolve(good).await.unwrap().is_none());
    world.store().run_blocking(|conn| conn.execute_batch("DROP TABLE opaque_token")).unwrap();
    assert!(world.opaque_tokens().resolve(good).await.is_err(), "nothing is known of it");
    for text in [&good[1..], &good.replace("cmb_", "cmb-"), "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"] {
        assert!(world.opaque_tokens().resolve(text).await.unwrap().is_none(), "{text}");
    }
}

#[tokio::test]
async fn a_database_made_before_there_were_handles_gets_their_table() {
    let mut world = SqliteWorld::new();
    world.store().run_blocking(|conn| conn.execute_batch("DROP TABLE opaque_token")).unwrap();
    world.start();
    assert!(world.opaque_tokens().resolve(Handle::new(1, &[7; 32]).into_text().expose_secret()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_spend_that_fell_with_its_group_was_never_made() {
    let world = past_the_fence(SqliteWorld::new());
    let fault = |sql: &'static str| world.store().run_blocking(move |conn| conn.execute_batch(sql)).unwrap();
    // Nobody can make a spend fail in a healthy database, so this one is made sick.
    fault(
        "CREATE TRIGGER sick BEFORE INSERT ON replay_spent WHEN (SELECT count(*) FROM replay_spent) > 2 BEGIN SELECT RAISE(ABORT, 'sick'); END",
    );
    let tokens: Vec<_> = (0..8).map(|number| token(&format!("token-{number}"), &world)).collect();
    let outcomes = all_at_once(tokens.iter().map(|token| use_up(&world, token))).await;
    let released: Vec<_> = outcomes.iter().map(word).filter(|outcome| *outcome == "fresh").collect();
    fault("DROP TRIGGER sick");
    let mut again = Vec::new();
    for token in &tokens {
        again.push(word(&use_up(&world, token).await));
    }
    assert_eq!(again.iter().filter(|outcome| **outcome == "replayed").count(), released.len(), "{outcomes:?}, then {again:?}");
    assert_eq!(again.iter().filter(|outcome| **outcome == "fresh").count(), tokens.len() - released.len(), "{outcomes:?}, then {again:?}");
}
