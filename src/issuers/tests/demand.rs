//! What strangers can cause.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::{Clock as _, Seconds};
use crate::outbound::tests::server::Answer;
use crate::token::RejectedToken;

use super::super::{KeysError, MAX_WAITING};
use super::support::{Key, World, claims, eventually, jwks_uri, settings};

const NOT_FOUND: Result<(), KeysError> = Err(KeysError::Rejected(RejectedToken::KeyNotFound));

#[tokio::test]
async fn a_key_rotated_a_second_after_a_fetch_is_accepted_at_once() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let world = World::publishing(&[&old]).await;
    assert_eq!(world.accepts(&old).await, Ok(()));
    world.published.keys(&[&old, &new]);
    world.clock.advance(Seconds(1));
    assert_eq!((world.accepts(&new).await, world.fetched()), (Ok(()), 2));
    assert_eq!((world.accepts(&old).await, world.fetched()), (Ok(()), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_unknown_keys_cause_three_fetches_and_one_each_thirty_seconds() {
    let key = Key::new("a");
    let world = Arc::new(World::publishing(&[&key]).await);
    world.warm().await;
    let flood = async |count: usize| {
        let requests = (0..count).map(|_| {
            let world = Arc::clone(&world);
            // One key pair serves: it is the unknown name that matters.
            tokio::spawn(async move { world.accepts(&Key::new("unknown")).await })
        });
        for request in requests.collect::<Vec<_>>() {
            let answer = request.await.unwrap();
            assert!(answer == NOT_FOUND || answer == Err(KeysError::Unavailable), "{answer:?}");
        }
    };
    flood(1_000).await;
    assert!(world.fetched() <= 4, "one, and three for strangers: {}", world.fetched());
    flood(10).await;
    for _ in 0..5 {
        assert_eq!(world.accepts(&Key::new("unknown")).await, NOT_FOUND);
    }
    assert_eq!(world.fetched(), 4);
    assert_eq!(world.accepts(&key).await, Ok(()), "the known key is unaffected");
    for more in 1..=3 {
        world.clock.advance(Seconds(30));
        flood(20).await;
        assert_eq!(world.fetched(), 4 + more);
    }
}

#[tokio::test]
async fn failures_count_and_the_answer_is_that_nobody_can_tell() {
    let (key, unknown) = (Key::new("a"), Key::new("unknown"));
    let world = World::publishing(&[&key]).await;
    world.warm().await;
    world.published.put(Answer::status(503));
    for _ in 0..10 {
        assert_eq!(world.accepts(&unknown).await, Err(KeysError::Unavailable));
    }
    assert_eq!((world.fetched(), world.health().failures), (4, 3));
    assert_eq!(world.accepts(&key).await, Ok(()), "known keys keep working");
    world.published.keys(&[&key]);
    world.clock.advance(Seconds(30));
    assert_eq!(world.accepts(&unknown).await, NOT_FOUND, "now it can be told");
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_asked_within_the_budget() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    world.published.put(Answer::status(500));
    for _ in 0..10 {
        assert_eq!(world.accepts(&key).await, Err(KeysError::Unavailable));
    }
    assert_eq!(world.fetched(), 3);
    world.published.keys(&[&key]);
    assert_eq!((world.accepts(&key).await, world.fetched()), (Err(KeysError::Unavailable), 3), "not yet");
    world.clock.advance(Seconds(30));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 4));
}

#[tokio::test]
async fn an_implausible_token_causes_no_connection() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    let now = world.clock.now();
    let good = claims(world.url.as_str(), now);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let cases = [
        (with("exp", json!(now.unix() - 61)), "expired"),
        (with("aud", json!("https://elsewhere.example")), "not ours"),
        (with("iat", json!(now.unix() + 11)), "from the future"),
        (with("exp", json!(now.unix() + 9_999)), "too long a life"),
        (with("iat", Value::Null), "no instant"),
    ];
    for (claims, why) in &cases {
        assert_eq!(world.keys(&key.sign(claims)).await.map(drop), NOT_FOUND, "{why}: a stranger learns nothing");
    }
    world.issuers.tick();
    assert_eq!(world.server.connections(), 0, "nor do they count as use");

    // Not even where keys are held, unknown, nearly overdue or overdue.
    assert_eq!(world.accepts(&key).await, Ok(()));
    let connections = world.server.connections();
    for seconds in [0, 720, 180, 8 * 3_600] {
        world.clock.advance(Seconds(seconds));
        let claims = with("aud", json!("https://elsewhere.example"));
        assert_eq!(world.keys(&Key::new("unknown").sign(&claims)).await.map(drop), NOT_FOUND);
        assert!(world.keys(&key.sign(&claims)).await.is_ok(), "verification says why it is rejected");
        assert!(!world.is_reading());
    }
    assert_eq!(world.server.connections(), connections);
}

#[tokio::test]
async fn a_request_that_goes_away_does_not_cancel_the_fetch_of_the_others() {
    let key = Key::new("a");
    let world = Arc::new(World::publishing(&[&key]).await);
    let gate = world.published.gate();
    let spawn = || {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.accepts(&Key::new("a")).await })
    };
    let first = spawn();
    eventually(|| world.fetched() == 1).await;
    let second = spawn();
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.close();
    // Its signature is by another key of that name; it got the keys all the same.
    assert_eq!(second.await.unwrap(), Err(KeysError::Rejected(RejectedToken::BadSignature)));
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 1));
}

#[tokio::test]
async fn a_fetch_that_began_before_the_rotation_does_not_reject_the_new_key() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let world = Arc::new(World::publishing(&[&old]).await);
    assert_eq!(world.accepts(&old).await, Ok(()));
    let gate = world.published.gate();
    let stranger = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.accepts(&Key::new("unknown")).await }
    });
    // The server has chosen its answer, without the new key.
    eventually(|| world.fetched() == 2).await;
    world.published.keys(&[&old, &new]);
    let (accepted, ()) = tokio::join!(world.accepts(&new), async {
        tokio::task::yield_now().await;
        gate.close();
    });
    assert_eq!((accepted, stranger.await.unwrap(), world.fetched()), (Ok(()), NOT_FOUND, 3));
}

#[tokio::test]
async fn only_so_many_wait_for_a_slow_issuer() {
    let world = Arc::new(World::publishing(&[&Key::new("a")]).await);
    let gate = world.published.gate();
    let ask = || {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.accepts(&Key::new("unknown")).await })
    };
    let waiting: Vec<_> = (0..MAX_WAITING).map(|_| ask()).collect();
    eventually(|| world.waiting() == MAX_WAITING).await;
    for _ in 0..3 {
        assert_eq!(ask().await.unwrap(), Err(KeysError::Unavailable), "at once: the gate is closed");
    }
    assert!(waiting.iter().all(|request| !request.is_finished()));
    gate.close();
    for request in waiting {
        assert_eq!(request.await.unwrap(), NOT_FOUND);
    }
    assert_eq!(world.accepts(&Key::new("unknown")).await, NOT_FOUND, "the places are free again");
}

#[tokio::test]
async fn a_crowd_with_a_known_key_is_not_turned_away_while_it_is_read_again() {
    let key = Key::new("a");
    let world = Arc::new(World::publishing(&[&key]).await);
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.clock.advance(Seconds(16 * 60));
    let gate = world.published.gate();
    let ask = || {
        let (world, token) = (Arc::clone(&world), world.token(&key));
        tokio::spawn(async move { world.keys(&token).await.map(drop) })
    };
    let waiting: Vec<_> = (0..MAX_WAITING).map(|_| ask()).collect();
    eventually(|| world.waiting() == MAX_WAITING).await;
    assert_eq!(ask().await.unwrap(), Ok(()), "the old set, for the moment");
    gate.close();
    for request in waiting {
        assert_eq!(request.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_slow_issuer_blocks_no_other_and_not_its_own_known_keys() {
    let (key, unknown) = (Key::new("a"), Key::new("unknown"));
    let slow = Arc::new(World::publishing(&[&key]).await);
    let other = World::publishing(&[&key]).await;
    let url = other.url.as_str();
    slow.issuers.replace(vec![slow.issuers.all()[0].settings().clone(), settings("other", url, jwks_uri(&other.server.url("/keys")))]);
    assert_eq!(slow.accepts(&key).await, Ok(()));
    let gate = slow.published.gate();
    let stuck = tokio::spawn({
        let slow = Arc::clone(&slow);
        let token = slow.token(&unknown);
        async move { slow.keys(&token).await.map(drop) }
    });
    eventually(|| slow.fetched() == 2).await;
    assert_eq!(slow.accepts(&key).await, Ok(()), "its own known key");
    let token = key.sign(&claims(url, slow.clock.now()));
    assert!(slow.issuers.trusted(url).unwrap().keys(&token, slow.clock.now()).await.is_ok(), "the first fetch of another");
    assert!(!stuck.is_finished());
    gate.close();
    assert_eq!(stuck.await.unwrap(), NOT_FOUND);
}
