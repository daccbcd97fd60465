//! Processes that stand still: nothing is lost, everything is late.

use std::time::Duration;

use super::SingleStage;
use crate::driver::{Cause, KeyChoice, Kind, Post, Round};
use crate::support::now;

/// 5. SIGSTOP of Redis for five seconds, then SIGCONT.
///
/// 503 within the deadline. What Redis read before it stood still it executes afterwards, long after its client was answered: that may burn
/// a token, and never gives a second one. It is the same Redis with the same memory, so the fence stays.
pub(super) fn redis_stands_still(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(3.0);
    let stopped = now();
    stage.redis.stop_process();
    round.load_for(5.0);
    let (asked, issued) = round.success(stopped + Duration::from_millis(200), now());
    stage.redis.continue_process();
    round.healed();
    round.fence_must_stay();
    assert_eq!(issued, 0, "of {asked} clients: nobody is given a token that Redis does not know of");
    assert!(round.saw("unavailable: store_unavailable") * 10 >= asked * 7, "clients were told so");
}

/// 6. SIGSTOP of a node for half a minute, while it holds requests.
///
/// Their clients give up and go to another node. What the stopped one still says when it wakes obeys the same rule as any other answer,
/// because its clock is read before it asks Redis, and Redis compares.
pub(super) fn a_node_stands_still(stage: &mut SingleStage, round: &mut Round) {
    round.stops(0);
    round.load_for(2.0);
    let load = &stage.bench.load;
    let mut held = Vec::new();
    for step in 0..40 {
        if step == 20 {
            stage.bench.nodes[0].signal("STOP");
        }
        let subject = load.enter(load.issuers().mint(Kind::Once, 0, 60));
        held.push(subject);
        load.post(Post { subject, target: 0, node: 0, cause: Cause::First, key: KeyChoice::Own });
        std::thread::sleep(Duration::from_millis(2));
    }
    let stopped = now();
    round.load_for(3.0);
    for subject in held {
        load.post(Post { subject, target: 0, node: 1, cause: Cause::Retry, key: KeyChoice::Own });
    }
    round.load_for(27.0);
    let served = round.count(|record| record.sent > stopped && record.post.node != 0 && record.is_clients() && record.is_issued());
    assert!(served > 500, "the other nodes go on: {served}");
    stage.bench.nodes[0].signal("CONT");
    round.healed();
    round.fence_must_stay();
}
