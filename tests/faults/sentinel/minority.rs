//! Two masters at once, and a node that knows only one of them.

use std::time::Duration;

use super::SentinelStage;
use crate::driver::Round;
use crate::servers::RedisServer;
use crate::support::now;

/// For how long a node that hears nothing may still use the master it knows: the lease, and the request that is under way.
const STILL: Duration = Duration::from_millis(2_700);

/// 9. SIGSTOP of the master until a replica is promoted, SIGCONT at that moment, and one node that hears nothing of it.
///
/// That node may use the old master until its lease ends, and answers 503 from then on, though the old one answers and says that it is
/// master. Nothing that it accepted in that time is accepted by the new one, whose fence reaches further than the lease.
pub(super) fn the_old_master_resumes(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(4.0);
    let old = stage.trio.master_index();
    stage.deafen();
    let deaf = now();
    stage.trio.servers()[old].stop_process();
    stage.trio.wait_for_failover(old);
    stage.trio.servers()[old].continue_process();
    stage.until_confirmed();
    round.healed();
    round.fence_must_go_up();
    round.load_for(6.0);
    nothing_from_the_deaf(round, deaf);
    stage.undeafen();
    stage.make_whole();
}

/// 10. The master and one node are on one side of the network, everybody else on the other.
///
/// The node on the small side stops when its lease ends; the other one goes on with a new master. When the network heals, the old master
/// forgets what it took alone, and nobody misses it.
pub(super) fn a_master_and_a_node_are_cut_off(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(4.0);
    let old = stage.trio.master_index();
    stage.trio.isolate_server(old);
    stage.deafen();
    let cut = now();
    assert_ne!(stage.trio.wait_for_failover(old), old);
    stage.until_confirmed();
    round.healed();
    round.fence_must_go_up();
    round.load_for(20.0);
    nothing_from_the_deaf(round, cut);
    stage.undeafen();
    stage.make_whole();
}

/// 10. Two of three Sentinels are gone.
///
/// Nobody confirms the master any more, though it is well: 503 when the lease ends. When they are back, nothing was lost: the fence stays.
pub(super) fn most_sentinels_are_gone(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(2.0);
    stage.trio.sentinels()[..2].iter().for_each(RedisServer::kill);
    std::thread::sleep(STILL);
    let gone = now();
    round.load_for(3.0);
    let (asked, issued) = round.success(gone, now());
    assert_eq!(issued, 0, "of {asked}: a master that nobody confirms is not used");
    for index in 0..2 {
        stage.trio.restart_sentinel(index);
    }
    stage.make_whole();
    round.healed();
    round.fence_must_stay();
}

fn nothing_from_the_deaf(round: &Round, since: std::time::Instant) {
    let late = round.count(|record| record.post.node == 0 && record.sent > since + STILL && record.is_clients() && record.is_issued());
    assert_eq!(late, 0, "a node without a lease released tokens");
    let asked = round.count(|record| record.post.node == 0 && record.sent > since + STILL && record.is_clients());
    assert!(asked > 50, "otherwise this scenario tests nothing: {asked}");
}
