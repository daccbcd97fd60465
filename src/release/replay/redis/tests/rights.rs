//! The ACL user of the operations manual. Every other test here goes by it too: it suffices.

use std::path::Path;
use std::sync::Arc;

use redis::RedisError;

use super::site::{PASSWORD, Site, StoreClock};
use super::world::RedisWorld;
use crate::domain::{Clock as _, ManualClock, Seconds};
use crate::release::issuance::{EncryptionKeySource, KeyDescription, Keys, KeysSettings, PublishedKey};
use crate::release::replay::world::{World as _, spend, token};
use crate::servers::{Persistence, RedisOptions, RedisServer};
use crate::store::{OpenMode, Store};

#[tokio::test]
async fn a_right_that_was_taken_away_stops_what_needs_it_and_lets_nothing_through() {
    for (right, why) in [
        ("-evalsha", "every call"),
        ("-script|load", "a script that the server forgot"),
        ("-info", "the history, inside the script"),
        ("-time", "the server's clock"),
        ("-hmget", "the fence is read"),
        ("-hset", "the fence is written"),
        ("-set", "the record"),
        ("-get", "whose record it is"),
        ("-pttl", "whether the record stays"),
        ("resetkeys", "keys"),
    ] {
        let world = RedisWorld::single(RedisOptions::default()).await;
        let spends = token("a", &world);
        assert_eq!(spend(&world, &spends).await, "fresh", "{why}");
        world.server().command(&["ACL", "SETUSER", "cambist", right]);
        world.server().command(&["SCRIPT", "FLUSH"]);
        if right == "-hset" {
            world.server().command(&["DEBUG", "CHANGE-REPL-ID"]);
        }
        let (again, other) = (spend(&world, &spends).await, spend(&world, &token("b", &world)).await);
        assert!(!["fresh", "repeat"].contains(&again), "{right} ({why}): {again}");
        assert!([again, other].contains(&"store_misconfigured"), "{right} ({why}): {again}, {other}");
        world.server().command(&["ACL", "SETUSER", "cambist", &right.replace('-', "+").replace("resetkeys", "~cambist:*")]);
        world.guard().tick().await.unwrap();
        assert_ne!(spend(&world, &spends).await, "fresh", "{why}");
    }
}

/// The key ring is written in one step with the history of its keys.
async fn ring_of(world: &RedisWorld, folder: &Path) -> (Vec<KeyDescription>, Vec<PublishedKey>) {
    let (store, clock) = (Store::Redis(world.store().clone()), Arc::new(ManualClock::at(world.clock().now())));
    let encryption_keys = vec![EncryptionKeySource::File(folder.join("encryption.key"))];
    let settings = KeysSettings { encryption_keys, create_if_missing: true, rotate_every: Seconds(86_400) };
    let opened = tokio::task::spawn_blocking(move || {
        let keys = Keys::open(store, settings, clock).unwrap();
        (keys.describe(), keys.history().unwrap())
    });
    opened.await.unwrap()
}

/// Redis replays its append-only file as the user `default`, transaction by transaction, and drops what that one may not write.
#[tokio::test]
async fn what_a_script_wrote_in_one_step_is_there_after_a_restart() {
    let default = include_str!("../../../../../deploy/redis/users.acl").lines().next().and_then(|line| line.strip_prefix("user "));
    let users = vec![default.unwrap().to_owned(), RedisOptions::documented_user(PASSWORD)];
    let clock = StoreClock::standing();
    let options = RedisOptions { persistence: Persistence::AofAlways, users, clock: Some(clock.file()), ..RedisOptions::default() };
    let mut world = RedisWorld::on(Site::of(RedisServer::start(&options), clock)).await;
    let folder = tempfile::tempdir().unwrap();
    let made = ring_of(&world, folder.path()).await;
    world.server().restart();
    world.start(OpenMode::Serve).await.unwrap();
    assert_eq!(ring_of(&world, folder.path()).await, made, "the key ring, and every key that was ever published");
    let loaded = world.server().log();
    assert!(!loaded.contains("CRITICAL"), "{loaded}");
}

#[tokio::test]
async fn it_may_do_nothing_that_a_fence_does_not_see() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    assert_eq!(spend(&world, &token("a", &world)).await, "fresh");
    let key = world.site.record_keys().remove(0);
    let client = redis::Client::open(format!("redis://cambist:{PASSWORD}@{}", world.server().address())).unwrap();
    let mut connection = client.get_connection().unwrap();
    for words in [
        &["DEL", &key][..],
        &["UNLINK", &key],
        &["EXPIRE", &key, "1"],
        &["RENAME", &key, "cambist:other"],
        &["RESTORE", &key, "0", ""],
        &["SWAPDB", "0", "1"],
        &["FLUSHALL"],
        &["DEBUG", "RELOAD"],
        &["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"],
        &["EVAL", "return 1", "0"],
        &["SET", "of somebody else", "1"],
        &["GET", "of somebody else"],
    ] {
        let refusal: RedisError = redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection).unwrap_err();
        assert_eq!(refusal.code(), Some("NOPERM"), "{words:?}: {refusal}");
    }
    assert_eq!(world.records(), 1);
}
