//! Parts of the cluster without the rest.

use super::ClusterStage;
use crate::driver::Round;
use crate::support::now;

/// 13. One master is cut off from all other nodes of the cluster, and not from us.
///
/// It goes on for its node timeout, its replica is promoted, and for that long there are two. Nodes use the one that most nodes name, under
/// the lease; what only the old one remembers is fenced.
pub(super) fn a_master_is_cut_off(stage: &mut ClusterStage, round: &mut Round) {
    round.load_for(4.0);
    let slot = stage.cluster.slot_of("{00}");
    let old = stage.cluster.master_of_slot(slot);
    stage.cluster.isolate(old);
    stage.cluster.wait_for_failover(slot, old);
    round.load_for(5.0);
    stage.cluster.heal();
    stage.cluster.wait_until_whole();
    round.healed();
    round.fence_must_go_up();
    round.until_seen("rejected: fenced");
}

/// 13. Two of three masters are killed at once: no replica can be elected.
///
/// 503 for every token, those of the surviving master too, because a cluster without quorum serves nothing. The masters come back empty, and
/// everything from before is fenced.
pub(super) fn two_masters_are_killed(stage: &mut ClusterStage, round: &mut Round) {
    round.load_for(4.0);
    let masters = stage.cluster.masters();
    for master in &masters[..2] {
        stage.cluster.nodes()[*master].kill();
    }
    round.load_for(4.0);
    let lost = now();
    round.load_for(3.0);
    let (asked, issued) = round.success(lost, now());
    assert_eq!(issued, 0, "of {asked}: without quorum nothing is served");
    stage.make_whole();
    round.healed();
    round.fence_must_go_up();
}
