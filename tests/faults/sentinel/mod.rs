//! A master, two replicas and three Sentinels; two nodes.

mod failover;
mod minority;
mod stage;

use crate::driver::Round;
use crate::plan::{Part, Plan, Scenario};

pub(crate) use stage::SentinelStage;

pub(crate) fn part(plan: &Plan) -> Part<SentinelStage> {
    plan.part("sentinel", SentinelStage::start, SCENARIOS)
}

/// In the order in which they are run.
const SCENARIOS: &[Scenario<SentinelStage>] = &[
    full("7", "kill -9 of the master", failover::the_master_is_killed),
    full("8", "kill -9 of a master whose replicas lag", failover::the_replicas_lag),
    core("9", "the old master resumes, and a node did not hear of it", minority::the_old_master_resumes),
    full("10", "master and one node are cut off for 20 s", minority::a_master_and_a_node_are_cut_off),
    full("10", "two of three Sentinels are gone", minority::most_sentinels_are_gone),
    full("11", "SENTINEL FAILOVER", failover::ordered_from_a_sentinel),
    full("11", "FAILOVER", failover::ordered_from_the_master),
    full("11", "a rolling restart", failover::a_rolling_restart),
];

const fn core(number: &'static str, title: &'static str, run: fn(&mut SentinelStage, &mut Round)) -> Scenario<SentinelStage> {
    Scenario { number, title, core: true, run }
}

const fn full(number: &'static str, title: &'static str, run: fn(&mut SentinelStage, &mut Round)) -> Scenario<SentinelStage> {
    Scenario { number, title, core: false, run }
}
