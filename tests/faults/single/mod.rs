//! One Redis, three nodes, each with a proxy of its own between it and Redis.

mod history;
mod race;
mod stage;

use crate::plan::{Plan, Scenario};

pub(crate) use stage::SingleStage;

pub(crate) fn run(plan: &mut Plan) {
    plan.on("single", SingleStage::start, SCENARIOS);
}

const SCENARIOS: &[Scenario<SingleStage>] = &[
    Scenario { number: "1", title: "each token 50 times at once, on three nodes", core: true, run: race::each_token_fifty_times },
    Scenario { number: "2", title: "kill -9, started again with its data", core: true, run: history::killed_and_restarted_with_its_data },
    Scenario { number: "3", title: "started again empty", core: false, run: history::restarted_empty },
    Scenario { number: "4", title: "FLUSHALL, FLUSHDB", core: true, run: history::flushed },
    Scenario { number: "4b", title: "FLUSHALL, while hardly anybody asks", core: false, run: history::flushed_while_hardly_anybody_asks },
];
