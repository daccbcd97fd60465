//! Nothing fails, and everybody is fast.

use std::time::Duration;

use super::SingleStage;
use crate::driver::{Cause, KeyChoice, Kind, Post, Round, random};

/// Tokens.
const TOKENS: usize = 500;

/// Posts of each token.
const POSTS: usize = 50;

/// 1. Every token is posted fifty times in parallel, to nodes by chance.
///
/// Of fifty exactly one is answered with a token, and the others are `replayed`: nodes share one memory, and it is asked in one step.
pub(super) fn each_token_fifty_times(stage: &mut SingleStage, round: &mut Round) {
    let load = &stage.bench.load;
    load.quiet();
    let mut raced = Vec::new();
    for _ in 0..TOKENS {
        let subject = load.enter(load.issuers().mint(Kind::Once, 0, 300));
        for _ in 0..POSTS {
            let node = usize::try_from(random(load.nodes() as u64)).unwrap();
            load.post(Post { subject, target: 0, node, cause: Cause::Replay, key: KeyChoice::None });
        }
        raced.push(subject);
        // The next token is not made before this one has left the queue.
        while load.in_flight() > POSTS {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    load.quiet();
    for subject in raced {
        let of_it = |reason: &str| round.count(|record| record.post.subject == subject && record.reason() == reason);
        let issued = round.count(|record| record.post.subject == subject && record.is_issued());
        assert_eq!((issued, of_it("rejected: replayed")), (1, POSTS - 1), "of fifty posts one is answered with a token");
    }
    round.fence_must_stay();
    round.resume();
}
