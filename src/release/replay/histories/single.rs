//! Random histories against a model: spends, restarts, losses and a wandering clock never let one token out twice.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::{Clock as _, Digest256, Seconds, Timestamp};
use crate::release::issuance::{Spends, Times};

use crate::release::replay::conformance::{START, World, lasting_ten_minutes, token, use_up, word};
use crate::release::replay::guard::Passed;
use crate::release::replay::tests::SqliteWorld;
use crate::release::replay::{CLOCK_OFFSET, FENCE_MARGIN, REPEAT_FOR};

#[derive(Clone, Debug)]
enum Step {
    /// An issuer mints a token, its `iat` up to 10 s ahead of our clock.
    Mint {
        ahead: u64,
        lifetime: u64,
        /// The client that has it sends an idempotency key, always the same.
        repeatable: bool,
    },
    /// Somebody presents one of the tokens.
    Present(prop::sample::Index),
    Advance(u64),
    Rewind(u64),
    Tick,
    Restart,
    LoseEverything,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..=10_u64, 1..=120_u64, any::<bool>()).prop_map(|(ahead, lifetime, repeatable)| Step::Mint { ahead, lifetime, repeatable }),
        8 => any::<prop::sample::Index>().prop_map(Step::Present),
        3 => (1..=30_u64).prop_map(Step::Advance),
        1 => (100..=900_u64).prop_map(Step::Advance),
        1 => (1..=8_u64).prop_map(Step::Rewind),
        1 => Just(Step::Tick),
        1 => Just(Step::Restart),
        1 => Just(Step::LoseEverything),
    ]
}

/// What must be true, kept as simply as possible.
struct Model {
    fence: Timestamp,
    high_water: Timestamp,
    /// The latest time ever, which no loss makes us forget.
    latest: Timestamp,
    tokens: Vec<Presented>,
}

struct Presented {
    remembered: bool,
    /// When it was spent, and the times of the token for it, for the one time it may be.
    released: Option<(Timestamp, Times)>,
    spends: Spends,
}

impl Model {
    fn begin(&mut self, now: Timestamp) {
        self.fence = now + FENCE_MARGIN;
        self.high_water = now;
        for token in &mut self.tokens {
            token.remembered = false;
        }
    }

    /// What the guard must say to a token that verifies now.
    fn expected(&mut self, index: usize, now: Timestamp) -> &'static str {
        if now + CLOCK_OFFSET < self.high_water {
            return "clock_offset";
        }
        self.high_water = self.high_water.max(now);
        let token = &mut self.tokens[index];
        if self.high_water >= token.spends.refused_from {
            return "expired";
        }
        if token.spends.issued_at <= Some(self.fence) {
            return "fenced";
        }
        let repeats = token.spends.owner.is_some() && token.released.is_some_and(|(at, _)| self.high_water <= at + REPEAT_FOR);
        match (std::mem::replace(&mut token.remembered, true), repeats) {
            (false, _) => "fresh",
            (true, true) => "repeat",
            (true, false) => "replayed",
        }
    }

    fn verifies(&self, index: usize, now: Timestamp) -> bool {
        let spends = &self.tokens[index].spends;
        now < spends.refused_from && spends.issued_at.is_some_and(|at| at <= now + Seconds(10))
    }
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = SqliteWorld::new();
    let mut model = Model { fence: START, high_water: START, latest: START, tokens: Vec::new() };
    model.begin(START);
    for (number, step) in steps.into_iter().enumerate() {
        let now = world.clock().now();
        model.latest = model.latest.max(now);
        match step {
            Step::Mint { ahead, lifetime, repeatable } => {
                let issued_at = now + Seconds(ahead);
                let refused_from = issued_at + Seconds(lifetime) + Seconds(60);
                let name = number.to_string();
                let owner = repeatable.then(|| Digest256::of(name.as_bytes()));
                let spends = Spends { issued_at: Some(issued_at), owner, refused_from, ..token(&name, &world) };
                model.tokens.push(Presented { remembered: false, released: None, spends });
            }
            Step::Present(index) => {
                let chosen = (!model.tokens.is_empty()).then(|| index.index(model.tokens.len()));
                if let Some(index) = chosen {
                    present(&world, &mut model, index).await?;
                }
            }
            Step::Advance(seconds) => world.clock().advance(Seconds(seconds)),
            Step::Rewind(seconds) => world.clock().step_to(now - Seconds(seconds)),
            Step::Tick => {
                let ticks = now + CLOCK_OFFSET >= model.high_water;
                prop_assert_eq!(world.guard().tick().await.is_ok(), ticks);
                model.high_water = model.high_water.max(if ticks { now } else { START });
            }
            Step::Restart => world.restart().await,
            // The promise assumes clocks within D; a clock that went back further and a loss together break that.
            Step::LoseEverything if now + CLOCK_OFFSET >= model.latest => {
                world.lose_everything().await;
                model.begin(now);
            }
            Step::LoseEverything => {}
        }
    }
    Ok(())
}

/// Only tokens that verify reach the guard.
async fn present(world: &SqliteWorld, model: &mut Model, index: usize) -> Result<(), TestCaseError> {
    let now = world.clock().now();
    if !model.verifies(index, now) {
        return Ok(());
    }
    let outcome = use_up(world, &model.tokens[index].spends).await;
    prop_assert_eq!(word(&outcome), model.expected(index, now), "at {}", now);
    let (spent_at, token) = (model.high_water, &mut model.tokens[index]);
    match outcome {
        Ok(Passed::First) => {
            prop_assert!(token.released.is_none(), "two tokens for one: {:?}", token.spends);
            token.released = Some((spent_at, lasting_ten_minutes(now)));
        }
        Ok(Passed::Again(times)) => prop_assert_eq!(Some(times), token.released.map(|(_, times)| times), "the same token"),
        Err(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_lets_one_token_out_twice(steps in vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(steps))?;
    }
}
