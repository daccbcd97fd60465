//! Reloads, and what happens without requests.

use crate::domain::Seconds;
use crate::outbound::Network;
use crate::outbound::tests::server::Answer;
use crate::token::Algorithm;

use super::super::{IssuerSettings, KeySource};
use super::support::{Key, World, jwks_uri, new_issuers, settings};

#[tokio::test]
async fn an_issuer_is_found_by_its_exact_text_and_by_nothing_else() {
    let (_, issuers) = new_issuers();
    let file = || KeySource::JwksFile("keys.json".into());
    issuers.replace(vec![settings("b", "https://b.example", file()), settings("a", "https://a.example/", file())]);
    for (iss, expected) in [
        ("https://b.example", Some("b")),
        ("https://a.example/", Some("a")),
        ("https://a.example", None),
        ("https://b.example/", None),
        ("https://B.example", None),
        ("https://b.example:443", None),
        ("http://b.example", None),
        ("", None),
    ] {
        assert_eq!(issuers.trusted(iss).map(|issuer| issuer.settings().name.to_string()).as_deref(), expected, "{iss}");
    }
    assert_eq!(issuers.all().iter().map(|issuer| issuer.settings().name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    issuers.replace(Vec::new());
    assert!(issuers.trusted("https://b.example").is_none());
}

#[tokio::test]
async fn a_reload_keeps_keys_whose_source_stayed_and_no_others() {
    type Change = fn(IssuerSettings, &str) -> IssuerSettings;
    let cases: [(&str, bool, Change); 7] = [
        ("nothing", true, |same, _| same),
        ("the owner", true, |same, _| IssuerSettings { owner: "other@example.com".to_owned(), ..same }),
        ("an expectation", true, |mut same, _| {
            same.expectations.leeway = Seconds(5);
            same
        }),
        ("the algorithms", false, |mut same, _| {
            same.expectations.algorithms = vec![Algorithm::Es256, Algorithm::Rs256].into();
            same
        }),
        ("the source", false, |same, url| IssuerSettings { keys: jwks_uri(&format!("{url}/keys")), ..same }),
        ("the network", false, |same, _| IssuerSettings { network: Network::Public, ..same }),
        ("the authorities", false, |same, _| IssuerSettings { ca_file: Some("ca.pem".into()), ..same }),
    ];
    for (what, kept, change) in cases {
        let key = Key::new("a");
        let world = World::publishing(&[&key]).await;
        assert_eq!(world.accepts(&key).await, Ok(()));
        let before = world.issuers.all()[0].settings().clone();
        let after = change(before, world.url.as_str());
        world.issuers.replace(vec![after.clone()]);
        assert_eq!(world.health().usable_keys, usize::from(kept), "{what}");
        assert_eq!(*world.issuers.all()[0].settings(), after);
    }
}

#[tokio::test]
async fn a_reload_while_a_fetch_is_under_way_takes_its_keys_over() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    let gate = world.published.gate();
    world.issuers.warm();
    assert!(world.is_reading());
    world.issuers.replace(vec![world.issuers.all()[0].settings().clone()]);
    gate.close();
    world.settled(1).await;
    assert_eq!((world.accepts(&key).await, world.fetched()), (Ok(()), 1));
}

#[tokio::test]
async fn warming_reads_what_is_absent_once() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    world.issuers.warm();
    world.issuers.warm();
    world.settled(1).await;
    world.clock.advance(Seconds(900));
    world.issuers.warm();
    assert_eq!((world.fetched(), world.health().usable_keys), (1, 1));
}

#[tokio::test]
async fn the_keys_of_issuers_in_use_stay_fresh_without_requests() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    world.issuers.tick();
    assert_eq!(world.health().fetches, 0, "nobody has used it");
    assert_eq!(world.accepts(&key).await, Ok(()));
    world.clock.advance(Seconds(719));
    world.issuers.tick();
    assert_eq!(world.health().fetches, 1, "still fresh");
    for round in 2..=5 {
        world.clock.advance(Seconds(720));
        world.issuers.tick();
        world.settled(round).await;
    }
    world.clock.advance(Seconds(720));
    world.issuers.tick();
    assert_eq!(world.health().fetches, 5, "not used for an hour");
}

#[tokio::test]
async fn an_issuer_that_comes_back_is_found_without_requests() {
    let key = Key::new("a");
    let world = World::publishing(&[&key]).await;
    world.published.put(Answer::status(500));
    assert!(world.accepts(&key).await.is_err());
    world.published.keys(&[&key]);
    world.clock.advance(Seconds(29));
    world.issuers.tick();
    assert_eq!(world.health().fetches, 1, "a pause after a failure");
    world.clock.advance(Seconds(1));
    world.issuers.tick();
    world.settled(2).await;
    assert_eq!((world.health().usable_keys, world.health().last_error), (1, None));
}

#[test]
fn a_runtime_that_ends_during_a_fetch_blocks_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(async {
        let world = World::publishing(&[&Key::new("a")]).await;
        world.published.gate();
        world.issuers.warm();
        world
    });
    let handle = runtime.handle().clone();
    drop(runtime);
    assert!(!world.is_reading());
    // What is spawned now is dropped at once.
    let _entered = handle.enter();
    world.clock.advance(Seconds(60));
    world.issuers.warm();
    assert!(!world.is_reading());
    assert_eq!(world.health().failures, 2);
}
