//! Redis loses its memory, or may have lost it.

use super::SingleStage;
use crate::driver::{Round, unix};
use crate::support::{eventually, now};

/// 2. `kill -9` of Redis under load, and a start with its append-only file.
///
/// While it is down: 503, and what the guard need not know goes on. Afterwards the fence is up: the last second of the file may be missing.
pub(super) fn killed_and_restarted_with_its_data(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(4.0);
    let (killed, fences) = (now(), stage.bench.counted("cambist_fences_total"));
    stage.redis.kill();
    round.load_for(3.0);
    round.until_seen("unavailable: store_unavailable");
    let (asked, issued) = round.success_of_reusable(killed, now());
    assert!(issued * 10 >= asked * 9, "issuers whose tokens are reusable need no store: {issued} of {asked}");
    stage.redis.restart();
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
    eventually("a node counted the fence", || stage.bench.counted("cambist_fences_total") > fences);
    // Each node that knew the history before raises the fence when it meets the new one, and never again.
    round.load_for(3.0);
    let counted = stage.bench.counted("cambist_fences_total");
    round.load_for(2.0);
    assert_eq!(stage.bench.counted("cambist_fences_total"), counted, "the fence went up again without a reason");
}

/// 3. Redis comes back without its data.
///
/// Everything that was used is fenced, tokens from after the fence are exchanged: what nobody remembers is refused by its age.
pub(super) fn restarted_empty(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(4.0);
    stage.redis.kill();
    round.load_for(2.0);
    stage.redis.restart_empty();
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
}

/// 4. `FLUSHALL` and `FLUSHDB` under load.
///
/// No connection breaks and no identity changes; the fence itself is gone, and that is what raises it again.
pub(super) fn flushed(stage: &mut SingleStage, round: &mut Round) {
    for command in ["FLUSHDB", "FLUSHALL"] {
        round.load_for(3.0);
        stage.redis.command(&[command]);
    }
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
}

/// 4. `FLUSHALL` while tokens are exchanged seldom.
///
/// The fence goes up by time and not by use: also an exchange long after it was up is refused only if its token is from before.
pub(super) fn flushed_while_hardly_anybody_asks(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    stage.bench.load.set_rate(500);
    stage.redis.command(&["FLUSHALL"]);
    let (flushed, unix_flushed) = (now(), unix());
    round.healed();
    round.fence_must_go_up();
    round.load_for(30.0);
    let ledger = stage.bench.load.ledger();
    let late = round.count(|record| {
        let subject = ledger.subject(record.post.subject);
        record.sent > flushed && record.reason() == "rejected: fenced" && subject.issued_at > unix_flushed + 15 + 2
    });
    assert_eq!(late, 0, "a token from later than M + 2 s after the loss was fenced");
    round.resume();
}

/// 4. A dump of earlier is put back, and Redis started with it.
///
/// It remembers the fence and old tokens, and nothing of what was used since: its identity is another, so the fence goes up.
pub(super) fn restored_from_a_backup(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    let backup = tempfile::tempdir().unwrap();
    stage.redis.copy_data_to(backup.path());
    round.load_for(4.0);
    stage.redis.put_data_back(backup.path());
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
}
