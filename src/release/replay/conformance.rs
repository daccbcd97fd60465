//! The contract of the replay guard, as tests that every engine runs.
//!
//! An engine brings a [`World`] and one line: `honours_the_contract!(async { SqliteWorld::new() })`.

use std::panic::AssertUnwindSafe;

use crate::domain::{Audience, Clock as _, Seconds};
use crate::release::issuance::Spends;
use crate::token::ReplayMode;

use super::spend::{Owner, Spend, Verdict};
use super::{CLOCK_OFFSET, RECORD_MARGIN, SpendError};

pub(super) use super::opaque::contract::{
    a_handle_is_explained_from_its_release_to_the_end_of_its_token, a_handle_stands_for_the_token_of_whoever_was_first,
    a_handle_that_nobody_knows_is_not_explained, what_is_not_released_is_not_kept,
};
pub(super) use super::repeats::{
    a_repeat_passes_what_every_spend_must_pass, a_token_from_further_ahead_than_any_may_be_is_not_spent,
    nobody_but_the_same_request_gets_a_repeat, of_many_equal_requests_at_once_all_get_the_same_times,
    the_same_request_gets_the_times_of_its_first_release,
};
pub(super) use super::several::{
    a_failure_burns_what_came_before_it_and_nothing_after, a_proof_is_good_for_one_exchange_of_a_reusable_token,
    a_request_that_broke_off_goes_on_where_it_was, each_thing_passes_the_fence_by_itself,
    of_exchanges_that_share_an_actor_token_one_gets_a_token, the_same_request_passes_what_it_spent_itself,
    whatever_a_request_spends_belongs_to_it,
};
pub(super) use super::world::{
    START, World, all_at_once, attempt, lasting_ten_minutes, past_the_fence, spend, token, use_up, use_up_at, word,
};

pub(super) async fn a_token_is_spent_once<W: World>(world: W) {
    let world = past_the_fence(world);
    let first = token("a", &world);
    let spent_at = world.clock().now();
    assert_eq!(spend(&world, &first).await, "fresh");
    world.clock().advance(Seconds(7));
    let again = use_up(&world, &first).await;
    assert!(matches!(again, Err(SpendError::Replayed { first_at: Some(at) }) if at == spent_at), "{again:?}");
    assert_eq!(spend(&world, &token("b", &world)).await, "fresh", "another token");
    assert_eq!(world.records(), 2);
}

pub(super) async fn each_target_is_served_once_where_the_mode_says_so<W: World>(world: W) {
    let world = past_the_fence(world);
    for (mode, audience, expected, why) in [
        (ReplayMode::OncePerTarget, "x", "fresh", "first at x"),
        (ReplayMode::OncePerTarget, "y", "fresh", "first at y"),
        (ReplayMode::OncePerTarget, "x", "replayed", "second at x"),
        (ReplayMode::Reusable, "x", "fresh", "spends nothing"),
        (ReplayMode::Reusable, "x", "fresh", "ever"),
        (ReplayMode::Once, "x", "fresh", "another mode"),
        (ReplayMode::Once, "y", "replayed", "whatever the target"),
    ] {
        let spends = Spends { mode, audience: Audience::parse(audience).unwrap(), ..token("a", &world) };
        assert_eq!(spend(&world, &spends).await, expected, "{why}");
    }
}

pub(super) async fn an_attempt_repeated_after_a_lost_reply_knows_its_own_record<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = token("a", &world);
    let now = world.clock().now();
    let attempt = attempt(&world, &spends, Owner::Attempt([1; 16]));
    assert_eq!(world.guard().ask(attempt, None).await.unwrap(), Verdict::Fresh);
    assert_eq!(world.guard().ask(attempt, None).await.unwrap(), Verdict::OwnRetry);
    let somebody_else = Spend { owner: Owner::Attempt([2; 16]), ..attempt };
    assert_eq!(world.guard().ask(somebody_else, None).await.unwrap(), Verdict::Replayed { first_at: now });
}

pub(super) async fn of_many_at_once_one_passes<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = token("a", &world);
    let mut outcomes = all_at_once((0..64).map(|_| spend(&world, &spends))).await;
    outcomes.sort_unstable();
    assert_eq!((outcomes[0], outcomes[1], outcomes[63]), ("fresh", "replayed", "replayed"));
}

pub(super) async fn what_was_spent_stays_spent_after_a_restart<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let spends = token("a", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");
    world.restart().await;
    assert_eq!(spend(&world, &spends).await, "replayed");
    assert_eq!(spend(&world, &token("b", &world)).await, "fresh", "a restart puts up no fence");
}

pub(super) async fn a_lost_store_refuses_every_token_it_may_have_forgotten<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let spent = token("a", &world);
    assert_eq!(spend(&world, &spent).await, "fresh");
    // `iat` may lie 10 s ahead of the accepting clock, and that clock D ahead of the one that sees the loss.
    let latest = Spends { issued_at: Some(world.clock().now() + Seconds(10)), ..token("b", &world) };
    assert_eq!(spend(&world, &latest).await, "fresh");
    world.clock().step_to(world.clock().now() - CLOCK_OFFSET);
    world.lose_everything().await;
    let until = world.clock().now() + world.guard().fence_margin();
    assert_eq!(spend(&world, &spent).await, "fenced", "at once");
    assert_eq!(spend(&world, &latest).await, "clock_offset", "for this clock nobody could have verified it");
    for (why, wait) in [("once it verifies again", CLOCK_OFFSET), ("after a while", Seconds(15)), ("after a restart", Seconds(1))] {
        world.clock().advance(wait);
        if why == "after a restart" {
            world.restart().await;
        }
        for spends in [&spent, &latest] {
            let outcome = use_up(&world, spends).await;
            assert!(matches!(outcome, Err(SpendError::Fenced { until: found }) if found == until), "{why}: {outcome:?}");
        }
    }
    assert_eq!(spend(&world, &token("a newer one", &world)).await, "fresh");
    let first_beyond = Spends { issued_at: Some(until + Seconds(1)), ..token("c", &world) };
    assert_eq!(spend(&world, &first_beyond).await, "fresh", "the fence ends with its last second");
}

pub(super) async fn a_token_without_iat_is_behind_every_fence<W: World>(world: W) {
    let world = past_the_fence(world);
    assert_eq!(spend(&world, &Spends { issued_at: None, ..token("a", &world) }).await, "fenced");
}

pub(super) async fn an_expired_token_is_not_spent<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = token("a", &world);
    for (after_refusal, expected) in [(0, "expired"), (1, "expired"), (CLOCK_OFFSET.0, "expired"), (100, "expired")] {
        world.clock().step_to(spends.refused_from + Seconds(after_refusal));
        assert_eq!(spend(&world, &spends).await, expected, "{after_refusal} s after exp + leeway");
    }
    assert_eq!(world.records(), 0);

    let last_second = Spends { refused_from: world.clock().now() + Seconds(1), ..token("b", &world) };
    assert_eq!(spend(&world, &last_second).await, "fresh", "exp + leeway - 1");
}

pub(super) async fn a_record_outlives_every_acceptance_of_its_token<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = token("a", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");
    // An administrator raises the leeway after the token had expired.
    let revived = Spends { refused_from: spends.refused_from + Seconds(300), ..spends.clone() };
    let end = spends.refused_from + CLOCK_OFFSET + RECORD_MARGIN;
    for (instant, remembered, why) in [
        (spends.refused_from - Seconds(1), 1, "the last second it is accepted"),
        (spends.refused_from + CLOCK_OFFSET, 1, "the last second a clock that is off could accept it"),
        (spends.refused_from + Seconds(299), 1, "the last second a longer leeway could accept it"),
        (end - Seconds(1), 1, "the margin"),
        (end, 0, "the end"),
    ] {
        world.clock().step_to(instant);
        world.guard().tick().await.unwrap();
        assert_eq!(world.records(), remembered, "{why}");
        let outcome = spend(&world, &revived).await;
        assert!(outcome == "replayed" || instant >= revived.refused_from && outcome == "expired", "{why}: {outcome}");
    }
}

pub(super) async fn a_clock_that_stepped_back_lets_nothing_through<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let before = world.clock().now();
    assert_eq!(spend(&world, &token("a", &world)).await, "fresh");

    world.clock().step_to(before - CLOCK_OFFSET);
    let spends = Spends { issued_at: Some(before), ..token("b", &world) };
    assert_eq!(spend(&world, &spends).await, "fresh", "by D: tolerated");
    let spends = Spends { refused_from: before, ..token("d", &world) };
    assert_eq!(spend(&world, &spends).await, "expired", "the store goes by the latest time it has seen");

    world.clock().step_to(before - CLOCK_OFFSET - Seconds(1));
    let spends = Spends { issued_at: Some(before), ..token("c", &world) };
    let expected = world.offset_after_going_back(6);
    for why in ["before a restart", "after a restart"] {
        let outcome = use_up(&world, &spends).await;
        assert!(matches!(outcome, Err(SpendError::ClockOffset { offset }) if offset == expected), "{why}: {outcome:?}");
        let outcome = world.guard().tick().await;
        assert!(matches!(outcome, Err(SpendError::ClockOffset { offset }) if offset == expected), "{why}: {outcome:?}");
        match world.try_restart().await {
            Ok(()) => {}
            Err(SpendError::ClockOffset { offset }) if offset == expected => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(world.records(), 2, "nothing was spent meanwhile");
    world.clock().step_to(before);
    world.restart().await;
    assert_eq!(spend(&world, &spends).await, "fresh", "once the clock has caught up");
}

pub(super) async fn a_clock_that_was_ahead_does_not_revive_what_was_forgotten<W: World>(world: W) {
    let world = past_the_fence(world);
    let now = world.clock().now();
    let spends = token("a", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");
    world.clock().step_to(now + Seconds(86_400));
    world.guard().tick().await.unwrap();
    assert_eq!(world.records(), 0, "forgotten, by that clock");
    world.clock().step_to(now);
    assert_eq!(spend(&world, &spends).await, "clock_offset");
}

pub(super) async fn an_attempt_that_took_too_long_on_its_way_is_refused<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = token("a", &world);
    let now = world.clock().now();
    for (sent_at, expected) in [
        (now - CLOCK_OFFSET - Seconds(1), Verdict::Clock { offset: 6 }),
        (now + CLOCK_OFFSET + Seconds(1), Verdict::Clock { offset: -6 }),
        (now - CLOCK_OFFSET, Verdict::Fresh),
        (now + CLOCK_OFFSET, Verdict::Replayed { first_at: now }),
    ] {
        let owner = Owner::Attempt(crate::domain::random_bytes());
        let attempt = attempt(&world, &spends, owner);
        assert_eq!(world.ask_as_of(sent_at, attempt).await, expected, "sent at {sent_at}");
    }
}

/// Runs the whole suite: each case as a test of its own, or, with `in_turn`, inside the test where it stands, for worlds that share what is
/// slow to start.
macro_rules! honours_the_contract {
    (in_turn $world:expr) => {
        $crate::release::replay::conformance::with_every_case! { all_in_turn [$world] }
    };
    ($world:expr) => {
        $crate::release::replay::conformance::with_every_case! { each_by_itself [$world] }
    };
}

macro_rules! with_every_case {
    ($how:ident [$($what:tt)*]) => {
        $crate::release::replay::conformance::$how! { [$($what)*]
            a_token_is_spent_once
            each_target_is_served_once_where_the_mode_says_so
            an_attempt_repeated_after_a_lost_reply_knows_its_own_record
            of_many_at_once_one_passes
            what_was_spent_stays_spent_after_a_restart
            a_lost_store_refuses_every_token_it_may_have_forgotten
            a_token_without_iat_is_behind_every_fence
            an_expired_token_is_not_spent
            a_record_outlives_every_acceptance_of_its_token
            a_clock_that_stepped_back_lets_nothing_through
            a_clock_that_was_ahead_does_not_revive_what_was_forgotten
            an_attempt_that_took_too_long_on_its_way_is_refused
            the_same_request_gets_the_times_of_its_first_release
            nobody_but_the_same_request_gets_a_repeat
            of_many_equal_requests_at_once_all_get_the_same_times
            a_repeat_passes_what_every_spend_must_pass
            a_token_from_further_ahead_than_any_may_be_is_not_spent
            a_failure_burns_what_came_before_it_and_nothing_after
            whatever_a_request_spends_belongs_to_it
            the_same_request_passes_what_it_spent_itself
            a_request_that_broke_off_goes_on_where_it_was
            a_proof_is_good_for_one_exchange_of_a_reusable_token
            of_exchanges_that_share_an_actor_token_one_gets_a_token
            each_thing_passes_the_fence_by_itself
            a_handle_is_explained_from_its_release_to_the_end_of_its_token
            what_is_not_released_is_not_kept
            a_handle_stands_for_the_token_of_whoever_was_first
            a_handle_that_nobody_knows_is_not_explained
        }
    };
}

macro_rules! each_by_itself {
    ([$world:expr] $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::release::replay::conformance::$case($world.await).await;
        }
    )*};
}

macro_rules! all_in_turn {
    ([$world:expr] $($case:ident)*) => {
        $($crate::release::replay::conformance::run(stringify!($case), async {
            $crate::release::replay::conformance::$case($world.await).await;
        });)*
    };
}
pub(super) use {all_in_turn, each_by_itself, honours_the_contract, with_every_case};

/// One case, named when it fails.
pub(super) fn run(case: &str, body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(body)));
    assert!(outcome.is_ok(), "{case}: see the message above");
}
