//! One Redis, three nodes, each with a proxy of its own between it and Redis.

mod history;
mod keys;
mod memory;
mod network;
mod race;
mod stage;
mod starts;
mod stopped;
mod strangers;
mod time;

use crate::driver::Round;
use crate::plan::{Case, Part, Plan, Scenario};

pub(crate) use stage::SingleStage;

pub(crate) fn part(plan: &Plan) -> Part<SingleStage> {
    plan.part("single", SingleStage::start, SCENARIOS)
}

/// What needs no stage.
pub(crate) fn run_cases(plan: &mut Plan) {
    plan.cases("single", CASES);
}

/// In the order in which they are run.
const SCENARIOS: &[Scenario<SingleStage>] = &[
    core("1", "each of 500 tokens 50 times at once, on three nodes", race::each_token_fifty_times),
    core("2", "kill -9 of Redis, started again with its data", history::killed_and_restarted_with_its_data),
    full("3", "Redis started again empty", history::restarted_empty),
    full("4", "FLUSHDB, FLUSHALL", history::flushed),
    full("4", "FLUSHALL, while hardly anybody asks", history::flushed_while_hardly_anybody_asks),
    full("4", "an old dump is restored", history::restored_from_a_backup),
    full("5", "Redis stands still for 5 s", stopped::redis_stands_still),
    full("6", "a node stands still for 30 s with requests in it", stopped::a_node_stands_still),
    full("10", "one node of three is cut off from Redis", network::one_node_is_cut_off),
    full("14", "Redis is full", memory::memory_is_full),
    full("15", "an eviction policy set at run time", memory::keys_may_be_evicted),
    full("15", "keys were evicted, and the policy is right again", memory::keys_were_evicted),
    core("16", "answers of Redis are lost", network::answers_are_lost),
    full("17", "requests lost, resets, half-open, a byte a second", network::connections_break),
    full("18", "a slow network with stalls", network::the_network_is_slow),
    full("19", "the clock of Redis ahead by 2 and 60 minutes", time::the_clock_of_redis_is_ahead),
    full("19", "the clock of Redis behind by 2 minutes", time::the_clock_of_redis_is_behind),
    full("19", "the clock of Redis wanders within D", time::the_clock_of_redis_wanders),
    full("19", "the clock of one node is wrong", time::the_clock_of_a_node_is_wrong),
    full("20", "replays at the edges of a token's time", time::tokens_at_the_edge),
    full("21", "Redis cannot write to its disk (MISCONF)", memory::the_disk_is_full),
    full("23", "rights are taken away at run time", memory::rights_are_taken_away),
    core("A3", "a flood of strangers leaves no key", strangers::a_flood_of_strangers),
    core("A4", "MONITOR shows no token, claim or key", strangers::somebody_looks_on),
];

const fn core(number: &'static str, title: &'static str, run: fn(&mut SingleStage, &mut Round)) -> Scenario<SingleStage> {
    Scenario { number, title, core: true, run }
}

const fn full(number: &'static str, title: &'static str, run: fn(&mut SingleStage, &mut Round)) -> Scenario<SingleStage> {
    Scenario { number, title, core: false, run }
}

const CASES: &[Case] = &[
    Case { number: "22", title: "no node starts on a replica", core: false, run: starts::on_a_replica },
    Case { number: "23", title: "no node starts without its rights", core: false, run: starts::without_rights },
    Case { number: "A1", title: "keys rotate on any node, five-minute caches verify", core: false, run: keys::rotate_under_caches },
];
