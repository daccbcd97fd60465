//! Another server becomes master. What the old one remembered and did not pass on is lost, so the fence goes up each time.

use super::SentinelStage;
use crate::driver::Round;
use crate::servers::text;

/// 7. `kill -9` of the master under load.
///
/// 503 until a majority of the Sentinels names the new one; then what was used before is fenced, and fresh tokens are exchanged.
pub(super) fn the_master_is_killed(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(4.0);
    let old = stage.trio.master_index();
    stage.trio.servers()[old].kill();
    stage.trio.wait_for_failover(old);
    changed(stage, round, old);
    stage.make_whole();
}

/// 8. The same, when replication stood still before: nobody but the old master knows of the last seconds.
///
/// Everything in them was accepted, is forgotten, and is refused by its age.
pub(super) fn the_replicas_lag(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(2.0);
    let old = stage.trio.master_index();
    stage.trio.stall_replication();
    round.load_for(2.0);
    let keys = |index: usize| text(&stage.trio.servers()[index].command(&["DBSIZE"])).parse::<usize>().unwrap();
    let behind = keys(old).saturating_sub(keys((old + 1) % 3));
    stage.trio.servers()[old].kill();
    let new = stage.trio.wait_for_failover(old);
    // Not before: what is on its way would arrive.
    stage.trio.heal();
    assert!(behind > 30, "otherwise this scenario tests nothing: only {behind} records are missing");
    assert_ne!(new, old);
    changed(stage, round, old);
    stage.make_whole();
}

/// 11. `SENTINEL FAILOVER` while all is well.
pub(super) fn ordered_from_a_sentinel(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(3.0);
    let old = stage.trio.master_index();
    stage.trio.failover();
    changed(stage, round, old);
    stage.make_whole();
}

/// 11. `FAILOVER` at the master: nobody told the Sentinels.
///
/// The old one is a replica and refuses, the new one is not confirmed. 503 until the Sentinels have made up their minds, whatever they are.
pub(super) fn ordered_from_the_master(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(3.0);
    stage.trio.master().command(&["FAILOVER"]);
    round.until_seen_any(&["unavailable: store_unavailable", "unavailable: store_misconfigured"]);
    round.load_for(3.0);
    stage.make_whole();
    stage.until_confirmed();
    round.healed();
    round.fence_must_go_up();
}

/// 11. Every server is restarted, the replicas first, the master last and by a failover, as an upgrade does it.
pub(super) fn a_rolling_restart(stage: &mut SentinelStage, round: &mut Round) {
    round.load_for(2.0);
    let old = stage.trio.master_index();
    for index in (0..3).filter(|index| *index != old) {
        stage.trio.servers()[index].restart();
        stage.trio.wait_until_whole();
    }
    stage.trio.failover();
    changed(stage, round, old);
    stage.trio.servers()[old].restart();
    stage.make_whole();
}

/// There is a new master, and nodes may know.
fn changed(stage: &SentinelStage, round: &mut Round, old: usize) {
    assert_ne!(stage.until_confirmed(), old);
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
}
