//! The network between nodes and a Redis that is well. Nothing is forgotten, whatever is lost on the way: the fence stays.

use std::time::Duration;

use super::SingleStage;
use crate::driver::Round;
use crate::servers::{Mode, Proxy};
use crate::support::now;

/// 16. Answers of Redis are lost: the token is spent, and its node does not know.
///
/// The node asks again on another connection with the same nonce, and Redis knows its own record again: one token, and only one.
pub(super) fn answers_are_lost(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    let (began, retries) = (now(), stage.bench.counted("cambist_store_retries_total"));
    for _ in 0..20 {
        set(stage, Mode::DropToClient);
        round.load_for(0.1);
        set(stage, Mode::Pass);
        round.load_for(0.4);
    }
    let (asked, issued) = round.success(began, now());
    round.healed();
    assert!(issued * 100 >= asked * 95, "lost answers are found again: of {asked} clients {issued} got a token");
    assert!(stage.bench.counted("cambist_store_retries_total") >= retries + 20, "otherwise this scenario tests nothing");
    round.fence_must_stay();
}

/// 17. Requests are lost, connections end in every way there is, or answer a byte a second.
///
/// A token or 503, within the deadline; whatever was executed meanwhile is not executed twice.
pub(super) fn connections_break(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    for mode in [Mode::DropToServer, Mode::Reset, Mode::HalfClose, Mode::Trickle, Mode::Stall, Mode::Refuse, Mode::DropBoth] {
        set(stage, mode);
        round.load_for(1.5);
        set(stage, Mode::Pass);
        round.load_for(0.7);
    }
    round.healed();
    round.fence_must_stay();
}

/// 18. Every round trip takes 200 ms longer, more or less, and one second in twenty nothing arrives.
///
/// Exchanges are slower and hardly any fails: the deadline is for one that hangs, not for one that is far away.
pub(super) fn the_network_is_slow(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(1.0);
    let (by, jitter) = (Duration::from_millis(70), Duration::from_millis(30));
    let began = now();
    for _ in 0..3 {
        set(stage, Mode::Delay { by, jitter });
        round.load_for(4.0);
        set(stage, Mode::Stall);
        round.load_for(0.2);
    }
    set(stage, Mode::Delay { by, jitter });
    round.load_for(1.0);
    let (asked, issued) = round.success(began, now());
    set(stage, Mode::Pass);
    round.healed();
    assert!(issued * 100 >= asked * 90, "of {asked} clients {issued} got a token");
    round.fence_must_stay();
}

/// 10. One node cannot reach Redis for a while, the others can.
///
/// That one answers 503 and knows nothing of its own; tokens that were tried there are good elsewhere, once.
pub(super) fn one_node_is_cut_off(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    stage.proxies[0].set(Mode::DropBoth);
    round.load_for(1.2);
    let cut_off = now();
    round.load_for(5.0);
    let of_node = |first: bool| {
        round.count(|record| record.sent > cut_off && record.is_clients() && record.is_issued() && (record.post.node == 0) == first)
    };
    assert_eq!(of_node(true), 0, "a node without its store releases nothing");
    assert!(of_node(false) > 50, "the others go on: {}", of_node(false));
    stage.proxies[0].set(Mode::Pass);
    round.healed();
    round.fence_must_stay();
}

fn set(stage: &SingleStage, mode: Mode) {
    stage.proxies.iter().for_each(|proxy: &Proxy| proxy.set(mode));
}
