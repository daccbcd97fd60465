//! A Redis Cluster of three masters with a replica each; two nodes.

mod failover;
mod quorum;
mod stage;

use crate::driver::Round;
use crate::plan::{Part, Plan, Scenario};

pub(crate) use stage::ClusterStage;

pub(crate) fn part(plan: &Plan) -> Part<ClusterStage> {
    plan.part("cluster", ClusterStage::start, SCENARIOS)
}

/// In the order in which they are run.
const SCENARIOS: &[Scenario<ClusterStage>] = &[
    core("12", "kill -9 of one of three masters", failover::a_master_is_killed),
    full("12", "CLUSTER FAILOVER", failover::ordered),
    full("12", "CLUSTER FAILOVER TAKEOVER", failover::taken_over),
    full("12", "slots move under load", failover::slots_move),
    full("13", "one master is cut off from all other nodes", quorum::a_master_is_cut_off),
    full("13", "two of three masters are killed", quorum::two_masters_are_killed),
];

const fn core(number: &'static str, title: &'static str, run: fn(&mut ClusterStage, &mut Round)) -> Scenario<ClusterStage> {
    Scenario { number, title, core: true, run }
}

const fn full(number: &'static str, title: &'static str, run: fn(&mut ClusterStage, &mut Round)) -> Scenario<ClusterStage> {
    Scenario { number, title, core: false, run }
}
