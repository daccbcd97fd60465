//! The part of the contract that is about opaque tokens. Run by [`crate::release::replay::conformance`].

use std::sync::OnceLock;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Clock as _, Digest256, Seconds};
use crate::release::issuance::{Handle, OpaqueRecord, ReplayKey, Spends, Times};
use crate::release::replay::conformance::{World, all_at_once, lasting_ten_minutes, past_the_fence, token};
use crate::release::replay::guard::{Attempt, Passed};
use crate::release::replay::{REPEAT_FOR, SpendError};
use crate::store::StoreError;
use crate::token::ReplayMode;

/// A handle, and the record of what it stands for.
struct Opaque {
    text: SecretString,
    record: OpaqueRecord,
}

/// For the release of a token that says `jwt`, as good as now for ten minutes.
fn opaque(secret: u8, jwt: &str, spends: &Spends, world: &impl World) -> Opaque {
    let bucket = ReplayKey::of(spends).map_or(secret, |key| key.bucket());
    let handle = Handle::new(bucket, &[secret; 32]);
    let record = OpaqueRecord::seal(&handle, &jwt.into(), lasting_ten_minutes(world.clock().now()).expires_at).unwrap();
    Opaque { text: handle.into_text(), record }
}

async fn release(world: &impl World, spends: &Spends, record: &OpaqueRecord) -> Result<Passed, SpendError> {
    let released = lasting_ten_minutes(world.clock().now());
    world.guard().use_up(spends, &Attempt { nonce: OnceLock::new(), released, record: Some(record) }).await
}

async fn explained(world: &impl World, handle: &SecretString) -> Option<String> {
    // The clock of the store is set by whoever asks for the guard.
    let _ = world.guard();
    let found = world.opaque_tokens().resolve(handle.expose_secret()).await.unwrap();
    found.map(|jwt| jwt.reveal().to_owned())
}

pub(in crate::release::replay) async fn a_handle_is_explained_from_its_release_to_the_end_of_its_token<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let reusable = Spends { mode: ReplayMode::Reusable, ..token("reusable", &world) };
    for (at, (spends, why)) in [(token("a", &world), "with its spend"), (reusable, "by itself")].into_iter().enumerate() {
        let Opaque { text, record } = opaque(u8::try_from(at).unwrap(), "jwt", &spends, &world);
        assert_eq!(explained(&world, &text).await, None, "{why}: not released");
        assert_eq!(release(&world, &spends, &record).await.unwrap(), Passed::First, "{why}");
        assert_eq!(explained(&world, &text).await.as_deref(), Some("jwt"), "{why}");
        world.restart().await;
        for (instant, lives) in [(record.keep_until - Seconds(1), true), (record.keep_until, false)] {
            world.clock().step_to(instant);
            world.guard().tick().await.unwrap();
            assert_eq!(explained(&world, &text).await.is_some(), lives, "{why}: at {instant}");
        }
    }
}

pub(in crate::release::replay) async fn what_is_not_released_is_not_kept<W: World>(world: W) {
    let world = past_the_fence(world);
    let spent = token("a", &world);
    let first = opaque(1, "first", &spent, &world);
    release(&world, &spent, &first.record).await.unwrap();
    let now = world.clock().now();
    let fenced = Spends { issued_at: None, ..token("b", &world) };
    let expired = Spends { refused_from: now, ..token("c", &world) };
    let ahead = Spends { issued_at: Some(now + Seconds(11)), ..token("d", &world) };
    for (at, (spends, expected)) in
        [(&spent, "replayed"), (&fenced, "fenced"), (&expired, "expired"), (&ahead, "clock_offset")].iter().enumerate()
    {
        let Opaque { text, record } = opaque(10 + u8::try_from(at).unwrap(), "never", spends, &world);
        assert_eq!(release(&world, spends, &record).await.unwrap_err().reason(), *expected);
        assert_eq!(explained(&world, &text).await, None, "{expected}");
    }
    assert_eq!(explained(&world, &first.text).await.as_deref(), Some("first"));

    let reusable = Spends { mode: ReplayMode::Reusable, ..token("e", &world) };
    let Opaque { text, record } = opaque(20, "never", &reusable, &world);
    world.guard().suspend(Some(StoreError::NoAnswer));
    assert_eq!(release(&world, &reusable, &record).await.unwrap_err().reason(), "store_unavailable", "the store is not believed");
    world.guard().suspend(None);
    assert_eq!(explained(&world, &text).await, None);
}

pub(in crate::release::replay) async fn a_handle_stands_for_the_token_of_whoever_was_first<W: World>(world: W) {
    let world = past_the_fence(world);
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    let versions: Vec<_> = (0..16).map(|version: u8| opaque(1, &version.to_string(), &spends, &world)).collect();
    let released = lasting_ten_minutes(world.clock().now());
    let attempts = (0..).zip(&versions).map(|(version, opaque)| {
        let times = Times { expires_at: released.expires_at - Seconds(version), ..released };
        let (guard, spends) = (world.guard(), &spends);
        async move {
            let attempt = Attempt { nonce: OnceLock::new(), released: times, record: Some(&opaque.record) };
            (version, guard.use_up(spends, &attempt).await.unwrap())
        }
    });
    let outcomes = all_at_once(attempts).await;
    let first = outcomes.iter().find(|(_, passed)| *passed == Passed::First).unwrap().0;
    assert_eq!(outcomes.iter().filter(|(_, passed)| matches!(passed, Passed::Again(_))).count(), 15, "{outcomes:?}");
    assert_eq!(explained(&world, &versions[0].text).await, Some(first.to_string()));

    world.clock().advance(REPEAT_FOR + Seconds(1));
    let late = release(&world, &spends, &versions[3].record).await;
    assert!(matches!(late, Err(SpendError::Replayed { .. })), "{late:?}");
    assert_eq!(explained(&world, &versions[0].text).await, Some(first.to_string()), "and it is not replaced");
}

pub(in crate::release::replay) async fn a_handle_that_nobody_knows_is_not_explained<W: World>(world: W) {
    let mut world = past_the_fence(world);
    let spends = token("a", &world);
    let Opaque { text, record } = opaque(1, "jwt", &spends, &world);
    release(&world, &spends, &record).await.unwrap();
    let other = Handle::new(record.bucket, &[2; 32]).into_text();
    assert_eq!(explained(&world, &other).await, None, "another secret");
    for text in ["", "cmb_", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"] {
        assert_eq!(explained(&world, &text.to_owned().into()).await, None, "{text:?}");
    }
    world.lose_everything().await;
    assert_eq!(explained(&world, &text).await, None, "lost with the store");
}
