//! The part of the contract that is about requests their clients repeat. Run by [`super::conformance`].

use crate::domain::{Clock as _, Digest256, Seconds};
use crate::release::issuance::{Spends, Times};

use super::conformance::{World, all_at_once, attempt, past_the_fence, spend, token, use_up, use_up_at};
use super::guard::Passed;
use super::spend::{Owner, Spend, Verdict};
use super::{CLOCK_OFFSET, REPEAT_FOR, SpendError};
use crate::store::StoreError;

fn request(name: &str) -> Digest256 {
    Digest256::of(name.as_bytes())
}

/// A token, spent by a request that may be repeated.
fn repeatable(name: &str, world: &impl World) -> Spends {
    Spends { owner: Some(request(name)), ..token(name, world) }
}

pub(super) async fn the_same_request_gets_the_times_of_its_first_release<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let spends = repeatable("a", &world);
    let now = world.clock().now();
    let first = Times { issued_at: now, expires_at: now + Seconds(600) };
    assert_eq!(use_up(&world, &spends).await.unwrap(), Passed::First);
    for (instant, repeats, why) in [
        (now, true, "at once"),
        (now + Seconds(30), true, "a while later"),
        (now + REPEAT_FOR, true, "the last second"),
        (now + REPEAT_FOR + Seconds(1), false, "too late, however often it was repeated"),
        (now + REPEAT_FOR + Seconds(100), false, "ever after"),
    ] {
        world.clock().step_to(instant);
        match use_up(&world, &spends).await {
            Ok(Passed::Again(times)) if repeats => assert_eq!(times, first, "{why}"),
            Err(SpendError::Replayed { first_at: Some(at) }) if !repeats => assert_eq!(at, now, "{why}"),
            other => panic!("{why}: {other:?}"),
        }
        world.restart().await;
    }
    assert_eq!(world.records(), 1);
}

pub(super) async fn nobody_but_the_same_request_gets_a_repeat<W: World>(world: W) {
    let world = past_the_fence(world);
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&request("a").as_bytes()[..16]);
    for (first, second, expected, why) in [
        (Owner::Request(request("a")), Owner::Request(request("b")), "replayed", "another request or another key"),
        (Owner::Request(request("a")), Owner::Attempt([1; 16]), "replayed", "the same request without its key"),
        (Owner::Request(request("a")), Owner::Attempt(nonce), "replayed", "half of a digest"),
        (Owner::Attempt(nonce), Owner::Request(request("a")), "replayed", "a key that comes too late"),
        (Owner::Attempt(nonce), Owner::Attempt(nonce), "own retry", "an attempt is no request"),
        (Owner::Request(request("a")), Owner::Request(request("a")), "repeat", "the same request"),
    ] {
        let now = world.clock().now();
        let spent = attempt(&world, &token(why, &world), first);
        assert_eq!(world.guard().ask(spent, None).await.unwrap(), Verdict::Fresh, "{why}");
        let later = Times { issued_at: now + Seconds(1), expires_at: now + Seconds(300) };
        let found = match world.guard().ask(Spend { owner: second, released: later, ..spent }, None).await.unwrap() {
            Verdict::Replayed { first_at } if first_at == now => "replayed",
            Verdict::OwnRetry => "own retry",
            Verdict::Repeat { issued_at, expires_at } if Times { issued_at, expires_at } == spent.released => "repeat",
            other => panic!("{why}: {other:?}"),
        };
        assert_eq!(found, expected, "{why}");
    }
}

pub(super) async fn of_many_equal_requests_at_once_all_get_the_same_times<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = repeatable("a", &world);
    let now = world.clock().now();
    // Each would release another token; who comes first decides for all.
    let times = |lifetime| Times { issued_at: now, expires_at: now + Seconds(lifetime) };
    let attempts = (0..32).map(|number| {
        let own = times(300 + number);
        let (guard, spends) = (world.guard(), &spends);
        async move { use_up_at(guard, spends, own).await.map(|passed| (own, passed)) }
    });
    let outcomes = all_at_once(attempts).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    let firsts: Vec<_> = outcomes.iter().filter(|(_, passed)| *passed == Passed::First).collect();
    assert_eq!(firsts.len(), 1, "{outcomes:?}");
    let others = outcomes.iter().filter(|(_, passed)| *passed == Passed::Again(firsts[0].0)).count();
    assert_eq!(others, 31, "{outcomes:?}");
}

pub(super) async fn a_repeat_passes_what_every_spend_must_pass<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let spends = Spends { refused_from: world.clock().now() + Seconds(30), ..repeatable("a", &world) };
    assert_eq!(spend(&world, &spends).await, "fresh");
    assert_eq!(spend(&world, &spends).await, "repeat");
    world.guard().suspend(Some(StoreError::NoAnswer));
    assert_eq!(spend(&world, &spends).await, "store_unavailable", "suspended");
    world.guard().suspend(None);

    let now = world.clock().now();
    world.clock().step_to(now - CLOCK_OFFSET - Seconds(1));
    assert_eq!(spend(&world, &spends).await, "clock_offset", "the clock stepped back");
    world.clock().step_to(now + Seconds(29));
    assert_eq!(spend(&world, &spends).await, "repeat", "the last second of the subject token");
    world.clock().step_to(now + Seconds(30));
    assert_eq!(spend(&world, &spends).await, "expired", "the subject token ends before the repeat does");

    let spends = repeatable("b", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");
    world.lose_everything().await;
    assert_eq!(spend(&world, &spends).await, "fenced", "what was forgotten cannot be repeated, and is not released anew");
}

pub(super) async fn a_token_from_further_ahead_than_any_may_be_is_not_spent<W: World>(world: W) {
    let world = past_the_fence(world);
    let now = world.clock().now();
    let ahead = |seconds| Spends { issued_at: Some(now + Seconds(seconds)), ..token("a", &world) };
    let outcome = use_up(&world, &ahead(11)).await;
    assert!(matches!(outcome, Err(SpendError::ClockOffset { offset: -1 })), "{outcome:?}");
    assert_eq!(world.records(), 0, "our clock stepped back since it was verified, and nothing is written by such a clock");
    assert_eq!(spend(&world, &ahead(10)).await, "fresh");
}
