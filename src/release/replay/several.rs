//! The part of the contract that is about requests that spend several things. Run by [`super::conformance`].

use crate::domain::{Audience, Clock as _, Digest256, Seconds};
use crate::release::issuance::{SpendList, Spends, Spent};
use crate::token::ReplayMode;

use super::conformance::{World, all_at_once, attempt, lasting_ten_minutes, past_the_fence, spend, token, use_up};
use super::guard::Passed;
use super::spend::{Owner, Verdict};
use super::{CLOCK_OFFSET, NotSpent, REPEAT_FOR};

fn proof(name: &str, world: &impl World) -> Spends {
    let now = world.clock().now();
    Spends { what: Spent::Proof, refused_from: now + Seconds(60), ..token(name, world) }
}

fn actor(name: &str, world: &impl World) -> Spends {
    Spends { what: Spent::Actor, ..token(name, world) }
}

fn all(proof: Spends, actor: Spends, subject: Spends) -> SpendList {
    SpendList { proof: Some(proof), actor: Some(actor), subject }
}

/// By a request that may be repeated.
fn owned(list: SpendList, request: &str) -> SpendList {
    let own = |spends| Spends { owner: Some(Digest256::of(request.as_bytes())), ..spends };
    SpendList { proof: list.proof.map(own), actor: list.actor.map(own), subject: own(list.subject) }
}

async fn use_up_all(world: &impl World, list: &SpendList) -> String {
    told(&world.guard().use_up_all(list, lasting_ten_minutes(world.clock().now()), None).await)
}

fn told(outcome: &Result<Passed, NotSpent>) -> String {
    match outcome {
        Ok(Passed::First) => "first".into(),
        Ok(Passed::Again(_)) => "repeat".into(),
        Err(NotSpent { what, why }) => format!("{what:?}: {}", why.reason()),
    }
}

pub(super) async fn a_failure_burns_what_came_before_it_and_nothing_after<W: World>(world: W) {
    let world = past_the_fence(world);
    for (spent_before, expected, burnt) in [
        ([false, false, false], "first", [true, true, true]),
        ([true, false, false], "Proof: replayed", [true, false, false]),
        ([false, true, false], "Actor: replayed", [true, true, false]),
        ([false, false, true], "Subject: replayed", [true, true, true]),
        ([true, true, true], "Proof: replayed", [true, true, true]),
    ] {
        let name = |what: &str| format!("{what} of {spent_before:?}");
        let presented = [proof(&name("proof"), &world), actor(&name("actor"), &world), token(&name("subject"), &world)];
        for (spends, _) in presented.iter().zip(spent_before).filter(|(_, before)| *before) {
            assert_eq!(spend(&world, spends).await, "fresh");
        }
        let [proof, actor, subject] = presented.clone();
        assert_eq!(use_up_all(&world, &all(proof, actor, subject)).await, expected);
        for (spends, burnt) in presented.iter().zip(burnt) {
            let found = spend(&world, spends).await;
            assert_eq!(found, if burnt { "replayed" } else { "fresh" }, "{:?} of {spent_before:?}", spends.what);
        }
    }
}

pub(super) async fn whatever_a_request_spends_belongs_to_it<W: World>(world: W) {
    let world = past_the_fence(world);
    let list = owned(all(proof("p", &world), actor("a", &world), token("s", &world)), "request");
    assert_eq!(use_up_all(&world, &list).await, "first");
    let [own, other] = ["request", "another"].map(|request| Owner::Request(Digest256::of(request.as_bytes())));
    for spends in [list.proof.as_ref().unwrap(), list.actor.as_ref().unwrap(), &list.subject] {
        let found = world.guard().ask(attempt(&world, spends, own), None).await.unwrap();
        assert!(matches!(found, Verdict::Repeat { .. }), "{:?}: {found:?}", spends.what);
        let found = world.guard().ask(attempt(&world, spends, other), None).await.unwrap();
        assert!(matches!(found, Verdict::Replayed { .. }), "{:?}: {found:?}", spends.what);
    }
    assert_eq!(world.records(), 3);
}

pub(super) async fn the_same_request_passes_what_it_spent_itself<W: World>(world: W) {
    let world = past_the_fence(world);
    let list = owned(all(proof("p", &world), actor("a", &world), token("s", &world)), "request");
    assert_eq!(use_up_all(&world, &list).await, "first");
    assert_eq!(use_up_all(&world, &list).await, "repeat", "with everything as it was");
    let renewed =
        SpendList { proof: owned(all(proof("q", &world), actor("a", &world), token("s", &world)), "request").proof, ..list.clone() };
    assert_eq!(use_up_all(&world, &renewed).await, "repeat", "with a new proof, as clients make for each try");
    assert_eq!(use_up_all(&world, &owned(list.clone(), "another")).await, "Proof: replayed", "another request");
    let stolen = owned(all(proof("r", &world), actor("a", &world), token("another", &world)), "another");
    assert_eq!(use_up_all(&world, &stolen).await, "Actor: replayed", "another subject, by another request");
    world.clock().advance(REPEAT_FOR + Seconds(1));
    let late = owned(all(proof("late", &world), actor("a", &world), token("s", &world)), "request");
    assert_eq!(use_up_all(&world, &late).await, "Actor: replayed", "too late");
}

pub(super) async fn a_request_that_broke_off_goes_on_where_it_was<W: World>(world: W) {
    let world = past_the_fence(world);
    let list = owned(all(proof("p", &world), actor("a", &world), token("s", &world)), "request");
    for spends in [list.proof.as_ref().unwrap(), list.actor.as_ref().unwrap()] {
        assert_eq!(use_up(&world, spends).await.unwrap(), Passed::First);
    }
    assert_eq!(use_up_all(&world, &list).await, "first", "nothing was released for the subject token yet");
    assert_eq!(use_up_all(&world, &list).await, "repeat");

    let once = all(proof("q", &world), actor("b", &world), token("t", &world));
    assert_eq!(spend(&world, once.proof.as_ref().unwrap()).await, "fresh");
    assert_eq!(use_up_all(&world, &once).await, "Proof: replayed", "without an idempotency key nobody knows it again");
    assert_eq!(spend(&world, &once.subject).await, "fresh", "and nothing behind it was burnt");
}

pub(super) async fn a_proof_is_good_for_one_exchange_of_a_reusable_token<W: World>(world: W) {
    let world = past_the_fence(world);
    let reusable = Spends { mode: ReplayMode::Reusable, ..token("s", &world) };
    let with = |name: &str| SpendList { proof: Some(proof(name, &world)), actor: None, subject: reusable.clone() };
    for (name, expected, why) in
        [("p", "first", "a proof"), ("p", "Proof: replayed", "twice"), ("q", "first", "another proof"), ("p", "Proof: replayed", "ever")]
    {
        assert_eq!(use_up_all(&world, &with(name)).await, expected, "{why}");
    }
    let outcomes = all_at_once((0..16).map(|_| {
        let (guard, list, released) = (world.guard(), with("r"), lasting_ten_minutes(world.clock().now()));
        async move { told(&guard.use_up_all(&list, released, None).await) }
    }));
    assert_eq!(outcomes.await.iter().filter(|outcome| *outcome == "first").count(), 1, "at the same time, too");
    assert_eq!(spend(&world, &token("p", &world)).await, "fresh", "no token is taken for a proof of the same name");
}

pub(super) async fn of_exchanges_that_share_an_actor_token_one_gets_a_token<W: World>(world: W) {
    let world = past_the_fence(world);
    let lists: Vec<_> = (0..24)
        .map(|number| SpendList { proof: None, actor: Some(actor("a", &world)), subject: token(&number.to_string(), &world) })
        .collect();
    let outcomes = all_at_once(lists.iter().map(|list| {
        let (guard, released) = (world.guard(), lasting_ten_minutes(world.clock().now()));
        async move { told(&guard.use_up_all(list, released, None).await) }
    }));
    let mut outcomes = outcomes.await;
    outcomes.sort_unstable();
    assert_eq!((&*outcomes[0], &*outcomes[22], &*outcomes[23]), ("Actor: replayed", "Actor: replayed", "first"));
    assert_eq!(spend(&world, &token("a", &world)).await, "replayed", "nor is it a subject token any more");

    for (audience, expected) in [("x", "first"), ("y", "first"), ("x", "Actor: replayed")] {
        let audience = Audience::parse(audience).unwrap();
        let actor = Spends { mode: ReplayMode::OncePerTarget, audience, ..actor("per target", &world) };
        let subject = Spends { mode: ReplayMode::Reusable, ..token("reusable", &world) };
        assert_eq!(
            use_up_all(&world, &SpendList { proof: None, actor: Some(actor), subject }).await,
            expected,
            "where each target may be served"
        );
    }
}

pub(super) async fn each_thing_passes_the_fence_by_itself<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let early = all(proof("p", &world), actor("a", &world), token("s", &world));
    world.lose_everything().await;
    let world = past_the_fence(world);
    let late = all(proof("q", &world), actor("b", &world), token("t", &world));
    // An hour is as good as a minute for a fence, and a proof does not last so long.
    let long = |spends: Spends| Spends { refused_from: world.clock().now() + Seconds(60), ..spends };
    for (list, expected) in [
        (SpendList { proof: early.proof.clone().map(long), ..late.clone() }, "Proof: fenced"),
        (SpendList { proof: None, actor: early.actor.clone(), subject: late.subject.clone() }, "Actor: fenced"),
        (SpendList { proof: None, actor: None, subject: early.subject.clone() }, "Subject: fenced"),
        (late.clone(), "first"),
    ] {
        assert_eq!(use_up_all(&world, &list).await, expected);
    }
    let slow = proof("slow", &world);
    world.clock().step_to(slow.refused_from);
    let slow = SpendList { proof: Some(slow), actor: None, subject: token("u", &world) };
    assert_eq!(use_up_all(&world, &slow).await, "Proof: expired", "it waited too long");
    world.clock().step_to(world.clock().now() + CLOCK_OFFSET);
    assert_eq!(spend(&world, &slow.subject).await, "fresh", "and its subject token was not burnt");
}
