//! Clocks that disagree, and tokens at the edge of their time.

use std::time::Duration;

use super::SingleStage;
use crate::driver::{Cause, KeyChoice, Kind, Post, Round, unix};
use crate::servers::ClockFile;
use crate::support::{eventually, now};

/// 19. The clock of Redis is ahead by more than D, so far that it takes every record for expired, and then right again.
///
/// 503 `clock_offset` while it lasts. Records may be gone by that clock: when it goes back, the fence goes up.
pub(super) fn the_clock_of_redis_is_ahead(stage: &mut SingleStage, round: &mut Round) {
    for ahead in [120, 3600] {
        round.load_for(2.0);
        nobody_is_given_a_token(&stage.clock.clone(), ahead, round);
    }
    round.healed();
    round.fence_must_go_up();
}

/// 19. It is behind, by more than D.
///
/// 503 `clock_offset` while it lasts. Records only live longer by such a clock.
pub(super) fn the_clock_of_redis_is_behind(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    nobody_is_given_a_token(&stage.clock.clone(), -120, round);
    round.healed();
}

fn nobody_is_given_a_token(clock: &ClockFile, offset: i64, round: &Round) {
    clock.set_offset(offset);
    round.load_for(0.5);
    let wrong = now();
    round.load_for(3.0);
    let (asked, issued) = round.success(wrong, now());
    clock.set_offset(0);
    assert_eq!(issued, 0, "at {offset} s, of {asked}");
    assert!(round.saw("unavailable: clock_offset") > 0);
}

/// 19. It wanders within D.
///
/// Nobody notices, and replays are refused all the same: the script computes with both clocks.
pub(super) fn the_clock_of_redis_wanders(stage: &mut SingleStage, round: &mut Round) {
    let began = now();
    for offset in [2, 4, 1, -3, -1, 3, 0] {
        stage.clock.set_offset(offset);
        round.load_for(2.0);
    }
    let (asked, issued) = round.success(began, now());
    round.healed();
    assert!(issued * 100 >= asked * 99, "of {asked} clients {issued} got a token");
    round.fence_must_stay();
}

/// 19. The clock of one node is wrong, by a little more than D and by far.
///
/// That node refuses, with `clock_offset` or because no token is good by its clock; the others do not suffer: a wrong node does not raise
/// the fence for all.
pub(super) fn the_clock_of_a_node_is_wrong(stage: &mut SingleStage, round: &mut Round) {
    let node = stage.bench.nodes.len() - 1;
    round.load_for(2.0);
    for offset in [8, -8, 120, -120] {
        stage.node_clock.set_offset(offset);
        let wrong = now();
        round.load_for(3.0);
        let issued_by = |at_node: bool| {
            round.count(|record| record.sent > wrong && record.is_clients() && record.is_issued() && (record.post.node == node) == at_node)
        };
        assert_eq!(issued_by(true), 0, "at {offset} s");
        assert!(issued_by(false) > 50, "the others go on: {}", issued_by(false));
    }
    stage.node_clock.set_offset(0);
    assert!(round.saw("unavailable: clock_offset") > 0);
    round.healed();
    round.fence_must_stay();
}

/// 20. Replays at the edges of a token's time.
///
/// Refused at every instant: the record outlives every clock by which its token may still be good.
pub(super) fn tokens_at_the_edge(stage: &mut SingleStage, round: &mut Round) {
    let load = &stage.bench.load;
    let tokens: Vec<_> = (0..20).map(|_| load.enter(load.issuers().mint(Kind::Once, 0, 6))).collect();
    let expires = unix() + 6;
    for subject in &tokens {
        load.post(Post { subject: *subject, target: 0, node: 0, cause: Cause::First, key: KeyChoice::Own });
    }
    // `exp` - 1, `exp`, `exp` + leeway - 1, + 0, + 1, and the two clock offsets that the record covers beyond that.
    for instant in [expires - 1, expires, expires + 4, expires + 5, expires + 6, expires + 10, expires + 16] {
        eventually("the instant", || {
            std::thread::sleep(Duration::from_millis(5));
            unix() >= instant
        });
        for (number, subject) in tokens.iter().enumerate() {
            let node = number % load.nodes();
            load.post(Post { subject: *subject, target: 0, node, cause: Cause::Replay, key: KeyChoice::None });
        }
        round.load_for(0.3);
    }
    round.fence_must_stay();
}
