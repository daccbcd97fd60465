//! How long keys are used, and when they are read again.

use crate::domain::{Clock as _, Seconds};
use crate::outbound::tests::server::Answer;
use crate::token::RejectedToken;

use super::super::KeysError;
use super::support::{Key, World, eventually, jwks};

const NOT_FOUND: Result<(), KeysError> = Err(KeysError::Rejected(RejectedToken::KeyNotFound));
const HOUR: u64 = 3_600;

#[tokio::test]
async fn fresh_keys_are_used_without_asking() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    for _ in 0..5 {
        assert_eq!(world.accepts(&key).await, Ok(()));
    }
    world.clock.advance(Seconds(719));
    assert_eq!(world.accepts(&key).await, Ok(()));
    assert_eq!((world.fetched(), world.health().fetches), (1, 1));
}

#[tokio::test]
async fn freshness_follows_the_issuer_within_bounds() {
    for (cache_control, fresh, overdue, why) in [
        (None, 719, 900, "without a word: 15 minutes"),
        (Some("max-age=300"), 239, 300, "as said"),
        (Some("max-age=86400"), 719, 900, "a day is too long"),
        (Some("max-age=5"), 47, 60, "5 seconds are too short"),
        (Some("no-store"), 47, 60, "so is nothing at all"),
    ] {
        let (old, new) = (Key::new("old"), Key::new("new"));
        let world = World::publishing(&[]).await;
        let answer = Answer::ok(jwks(&[&old]));
        world.published.put(cache_control.map_or(answer.clone(), |value| answer.header(&format!("cache-control: {value}"))));
        assert_eq!(world.accepts(&old).await, Ok(()));
        world.published.keys(&[&new]);
        world.clock.advance(Seconds(fresh));
        assert_eq!((world.accepts(&old).await, world.fetched()), (Ok(()), 1), "{why}: fresh");
        world.clock.advance(Seconds(overdue - fresh));
        assert_eq!((world.accepts(&old).await, world.fetched()), (NOT_FOUND, 2), "{why}: asked before use");
    }
}

#[tokio::test]
async fn nearly_overdue_keys_are_refreshed_behind_the_request() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.clock.advance(Seconds(720));
    let gate = world.published.gate();
    for _ in 0..10 {
        assert_eq!(world.accepts(&key).await, Ok(()), "nobody waits");
    }
    gate.close();
    world.settled(2).await;
    assert_eq!(world.fetched(), 2, "one refresh for all");
    world.clock.advance(Seconds(719));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 2), "fresh again");
}

#[tokio::test]
async fn a_removed_key_is_gone_after_fifteen_minutes_also_after_a_long_silence() {
    for silence in [900, 8 * HOUR, 30 * 24 * HOUR] {
        let (kept, removed) = (Key::new("kept"), Key::new("removed"));
        let world = World::publishing(&[&kept, &removed]).await;
        assert_eq!(world.accepts(&removed).await, Ok(()));
        world.published.keys(&[&kept]);
        world.clock.advance(Seconds(silence));
        assert_eq!((world.accepts(&removed).await, world.accepts(&kept).await), (NOT_FOUND, Ok(())), "after {silence} s");
    }
}

#[tokio::test]
async fn a_clock_that_steps_or_a_machine_that_sleeps_makes_no_key_younger() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let world = World::publishing(&[&old]).await;
    assert_eq!(world.accepts(&old).await, Ok(()));
    world.published.keys(&[&new]);
    let now = world.clock.now();
    // The wall clock alone: the monotonic clock stood still while the machine slept.
    world.clock.step_to(now + Seconds(900));
    assert_eq!(world.accepts(&old).await, NOT_FOUND);
    world.published.keys(&[&old]);
    // Fifteen minutes on the monotonic clock, while the wall clock went back.
    world.clock.advance(Seconds(900));
    world.clock.step_to(now);
    assert_eq!((world.accepts(&new).await, world.accepts(&old).await), (NOT_FOUND, Ok(())));
}

#[tokio::test]
async fn a_failed_or_unusable_refresh_never_empties_the_cache() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    assert_eq!(world.accepts(&key).await, Ok(()));
    let too_many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 101].join(","));
    for (answer, expected, why) in [
        (Answer::status(500), "status is 500", "an error"),
        (Answer::status(404), "status is 404", "gone"),
        (Answer::status(301).header("location: /other"), "redirect", "a redirect"),
        (Answer::ok("<html>sign in</html>"), "not strict JSON", "a login page"),
        (Answer::ok(""), "not strict JSON", "nothing"),
        (Answer::ok(r#"{"keys":[],"keys":[]}"#), "twice", "ambiguous JSON"),
        (Answer::ok("{}"), "no `keys`", "another document"),
        (Answer::ok(r#"{"keys":{}}"#), "no `keys`", "not an array"),
        (Answer::ok(too_many), "more than 100 keys", "too many keys"),
        (Answer::ok(vec![b' '; 512 * 1024 + 1]), "larger than 524288 bytes", "too large"),
    ] {
        world.published.put(answer);
        world.clock.advance(Seconds(900));
        assert_eq!(world.accepts(&key).await, Ok(()), "{why}");
        let health = world.health();
        let error = health.last_error.clone().unwrap();
        assert!(error.contains(expected) && health.is_degraded() && health.usable_keys == 1, "{why}: {health:?}");
        assert!(health.stale_since.is_some(), "{why}");
    }
    world.published.keys(&[&key]);
    world.clock.advance(Seconds(60));
    assert_eq!(world.accepts(&key).await, Ok(()));
    let health = world.health();
    assert_eq!((health.last_error, health.stale_since, health.last_success), (None, None, Some(world.clock.now())));
    assert_eq!((health.fetches, health.failures), (12, 10));
}

#[tokio::test]
async fn one_unusable_key_never_spoils_the_others() {
    let key = Key::new("a");
    let world = World::publishing(&[]).await;
    let mut leaked = Key::new("leaked").jwk();
    leaked["d"] = "AAAA".into();
    let document = serde_json::json!({ "keys": [{ "kty": "AKP", "kid": "pq" }, leaked, { "kty": "EC", "kid": "broken" }, key.jwk()] });
    world.published.put(Answer::ok(document.to_string()));
    assert_eq!(world.accepts(&key).await, Ok(()));
    assert_eq!((world.health().usable_keys, world.health().unusable_keys), (1, 3));
}

#[tokio::test]
async fn stale_keys_are_used_for_twelve_hours_and_no_longer() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    let started = world.clock.now();
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.published.put(Answer::status(500));
    world.clock.advance(Seconds(12 * HOUR));
    assert_eq!(world.accepts(&key).await, Ok(()));
    assert_eq!(world.health().stale_since, Some(started + Seconds(900)));
    world.clock.advance(Seconds(1));
    assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
    world.published.keys(&[&key]);
    assert_eq!(world.accepts(&key).await, Ok(()), "it is back");
}

#[tokio::test]
async fn nobody_waits_for_an_issuer_that_is_known_to_be_down() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.published.put(Answer::status(500));
    world.clock.advance(Seconds(900));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 2), "asked once");
    let gate = world.published.gate();
    world.clock.advance(Seconds(29));
    assert_eq!((world.accepts(&key).await, world.health().fetches), (Ok(()), 2), "a pause after a failure");
    world.clock.advance(Seconds(1));
    assert_eq!((world.accepts(&key).await, world.health().fetches), (Ok(()), 3), "tried again, behind the request");
    world.published.keys(&[]);
    gate.close();
    world.settled(3).await;
    world.clock.advance(Seconds(60));
    let other = Key::new("other");
    world.published.keys(&[&other]);
    assert_eq!(world.accepts(&key).await, NOT_FOUND, "a minute after the last failure it is asked before use again");
}

#[tokio::test]
async fn an_empty_key_set_is_believed_when_it_is_read_twice_a_minute_apart() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    let stranger = Key::new("stranger");
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.published.keys(&[]);
    world.clock.advance(Seconds(900));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 2), "doubted");
    assert!(world.health().is_degraded(), "and told at once");
    world.clock.advance(Seconds(30));
    assert_eq!((world.accepts(&stranger).await, world.fetched()), (NOT_FOUND, 3), "read again, too soon to count");
    world.clock.advance(Seconds(29));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 3), "still doubted");
    world.clock.advance(Seconds(1));
    assert_eq!((world.accepts(&key).await, world.fetched()), (NOT_FOUND, 4), "believed");
    assert_eq!((world.health().usable_keys, world.health().last_error), (0, None));
    world.published.keys(&[&key]);
    world.clock.advance(Seconds(30));
    assert_eq!(world.accepts(&key).await, Ok(()), "back within the budget for unknown keys");
    assert!(!world.health().is_degraded());
}

#[tokio::test]
async fn an_empty_key_set_between_two_good_ones_changes_nothing() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.published.put(Answer::ok(r#"{"keys":[{"kty":"EC","kid":"a"}]}"#));
    world.clock.advance(Seconds(900));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 2), "no usable key is as empty as no key");
    world.published.keys(&[&key]);
    world.clock.advance(Seconds(60));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 3));
    world.published.keys(&[]);
    world.clock.advance(Seconds(900));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 4), "the doubt begins anew");
}

#[tokio::test]
async fn a_first_key_set_without_keys_is_taken_as_it_is() {
    let key = Key::new("a");
    let world = World::publishing(&[]).await;
    assert_eq!(world.accepts(&key).await, NOT_FOUND);
    world.published.keys(&[&key]);
    assert_eq!(world.accepts(&key).await, Ok(()));
    eventually(|| world.health().usable_keys == 1).await;
}

#[tokio::test]
async fn an_issuer_without_a_usable_key_is_in_trouble_as_one_that_cannot_be_asked_is() {
    let key = Key::new("a");
    for (answer, expected, why) in [
        (Answer::ok(jwks(&[&key])), None, "a usable key"),
        (Answer::ok(r#"{"keys":[]}"#), Some("no usable key"), "no key at all"),
        (Answer::ok(r#"{"keys":[{"kty":"EC","kid":"a"}]}"#), Some("no usable key"), "a key that cannot be used"),
        (Answer::status(500), Some("status is 500"), "no answer"),
    ] {
        let world = World::publishing(&[]).await;
        assert_eq!(world.health().trouble(), None, "{why}: nothing was read yet");
        world.published.put(answer);
        world.warm().await;
        let health = world.health();
        assert_eq!(health.trouble().is_some(), expected.is_some(), "{why}: {health:?}");
        assert!(health.trouble().unwrap_or_default().contains(expected.unwrap_or_default()), "{why}: {health:?}");
        assert_eq!(health.is_degraded(), expected.is_some(), "{why}");
    }
}

#[tokio::test]
async fn another_key_under_a_known_name_is_accepted_and_told() {
    let (first, second) = (Key::new("same"), Key::new("same"));
    let (other, world) = (Key::new("other"), World::publishing(&[]).await);
    for (published, surprises, why) in [
        (&[&first][..], 0, "the first reading surprises nobody"),
        (&[&first], 0, "nothing changed"),
        (&[&first, &other], 0, "a new key under a new name: a rotation"),
        (&[&second, &other], 1, "another key under the name of the first"),
        (&[&other], 1, "a key that is gone"),
        (&[&first, &other], 1, "and back: nothing stood there"),
    ] {
        world.published.keys(published);
        world.clock.advance(Seconds(900));
        assert_eq!(world.accepts(published[0]).await, Ok(()), "{why}");
        assert_eq!(world.health().surprises, surprises, "{why}");
    }
}
