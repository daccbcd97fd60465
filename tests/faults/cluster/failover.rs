//! Slots get another owner. Only the tokens of those slots are fenced.

use super::ClusterStage;
use crate::driver::Round;
use crate::support::now;

/// What must go on while a third of the slots has no master, and then a fence: clients of a hundred that get a token.
const TWO_THIRDS: usize = 60;

/// The same where one third and a few slots of another have a fence.
const MORE_THAN_HALF: usize = 50;

/// 12. `kill -9` of one of three masters under load.
///
/// 503 for a third of the tokens until its replica is confirmed by most nodes, then a fence for that third; the others notice nothing.
pub(super) fn a_master_is_killed(stage: &mut ClusterStage, round: &mut Round) {
    round.load_for(4.0);
    let slot = stage.cluster.slot_of("{00}");
    let old = stage.cluster.master_of_slot(slot);
    let began = now();
    stage.cluster.nodes()[old].kill();
    stage.cluster.wait_for_failover(slot, old);
    stage.cluster.wait_until_content();
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
    round.load_for(4.0);
    so_many_go_on(round, began, TWO_THIRDS);
    stage.make_whole();
}

/// 12. `CLUSTER FAILOVER` while all is well.
pub(super) fn ordered(stage: &mut ClusterStage, round: &mut Round) {
    replaced(stage, round, |stage, replica| stage.cluster.failover(replica));
}

/// 12. `CLUSTER FAILOVER TAKEOVER`: a replica makes itself master and asks nobody.
///
/// For a moment two masters accept writes for the same slots; nodes use the one that most nodes of the cluster name.
pub(super) fn taken_over(stage: &mut ClusterStage, round: &mut Round) {
    replaced(stage, round, |stage, replica| stage.cluster.takeover(replica));
}

fn replaced(stage: &ClusterStage, round: &mut Round, promote: fn(&ClusterStage, usize)) {
    round.load_for(3.0);
    let old = stage.cluster.master_of_slot(stage.cluster.slot_of("{00}"));
    let replica = stage.cluster.replicas_of(old)[0];
    let began = now();
    promote(stage, replica);
    stage.cluster.wait_until_whole();
    round.healed();
    round.fence_must_go_up();
    round.load_for(4.0);
    so_many_go_on(round, began, TWO_THIRDS);
}

/// 12. Slots with tokens in them move from one master to another under load.
///
/// `MOVED`, `ASK` and `TRYAGAIN` are no answers to a spend: the token is tried again where the slot is, or 503. The new owner has the
/// records and the fence, and another history, so the fence goes up there. It does for its own slots too: taking one raises its epoch.
pub(super) fn slots_move(stage: &mut ClusterStage, round: &mut Round) {
    round.load_for(3.0);
    let from = stage.cluster.master_of_slot(stage.cluster.slot_of("{00}"));
    let to = (0..3).map(|share| stage.cluster.masters()[share]).find(|master| *master != from).unwrap();
    let began = now();
    for slot in stage.tagged_slots_of(from, 12) {
        stage.cluster.migrate_slot(slot, from, to);
    }
    round.healed();
    round.fence_must_go_up();
    round.load_for(4.0);
    so_many_go_on(round, began, MORE_THAN_HALF);
}

fn so_many_go_on(round: &Round, since: std::time::Instant, percent: usize) {
    let (asked, issued) = round.success(since, now());
    assert!(issued * 100 >= asked * percent, "of {asked} clients only {issued} got a token, and at least {percent} % were not affected");
}
