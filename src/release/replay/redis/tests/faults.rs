//! Servers and networks that fail in the middle of a spend: it fails closed, or happens once.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::site::{Servers, Site, StoreClock};
use super::world::{RedisWorld, settled};
use crate::domain::{Clock as _, Digest256, Seconds, SystemClock};
use crate::release::issuance::Spends;
use crate::release::replay::world::{World as _, past_the_fence, spend, token};
use crate::servers::{Mode, Persistence, Proxy, RedisOptions, RedisServer, eventually, text};
use crate::store::redis::{Address, Credentials, RedisSettings, Topology};
use crate::store::{OpenMode, RedisStore, Store};

fn proxy(world: &RedisWorld) -> &Proxy {
    match &world.site.servers {
        Servers::Proxied(_, proxy) => proxy,
        _ => panic!("no proxy"),
    }
}

async fn proxied() -> RedisWorld {
    past_the_fence(RedisWorld::on(Site::proxied()).await)
}

/// Waits without holding up the guard.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("still not so: {what}");
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_and_passes_once() {
    for (owner, why) in [(None, "an attempt"), (Some(Digest256::of(b"request")), "a request that may be repeated")] {
        let world = proxied().await;
        let spends = Spends { owner, ..token("a", &world) };
        for mode in [Mode::DropToClient, Mode::HalfClose] {
            proxy(&world).set(mode);
            let heal = async {
                until("the server has the record", || world.records() == 1).await;
                proxy(&world).set(Mode::Pass);
            };
            let (outcome, ()) = tokio::join!(spend(&world, &spends), heal);
            let (expected, after) = match (mode, owner) {
                (Mode::DropToClient, None) => (["fresh", "fresh"], "replayed"),
                (Mode::DropToClient, Some(_)) => (["fresh", "repeat"], "repeat"),
                (_, None) => (["replayed", "store_unavailable"], "replayed"),
                (_, Some(_)) => (["repeat", "store_unavailable"], "repeat"),
            };
            assert!(expected.contains(&outcome), "{why}, {mode:?}: {outcome}");
            assert_eq!(settled(&world, &spends).await, after, "{why}, {mode:?}");
            assert_eq!(world.records(), 1, "{why}, {mode:?}");
        }
        assert!(world.store().vitals().retries > 0, "{why}");
    }
}

#[tokio::test]
async fn a_request_that_was_stuck_spends_the_token_late_or_never_and_releases_nothing() {
    for (late, expected, why) in
        [(Seconds(5), "replayed", "within D it spends the token"), (Seconds(6), "fresh", "beyond D it is as if it never came")]
    {
        let world = proxied().await;
        let (spends, sent_at) = (token("a", &world), world.clock().now());
        proxy(&world).set(Mode::Stall);
        assert_eq!(spend(&world, &spends).await, "store_unavailable", "{why}");
        world.clock().advance(late);
        assert_eq!(world.records(), 0, "{why}");
        proxy(&world).set(Mode::Pass);
        let latest = || text(&world.server().command(&["HGET", "cambist:{00}:v1:fence", "latest"]));
        let late_reading = (sent_at + late).unix().to_string();
        until("the late calls have been answered", || world.records() == 1 || latest() == late_reading).await;
        assert_eq!(settled(&world, &spends).await, expected, "{why}");
        assert_eq!(settled(&world, &spends).await, "replayed", "{why}");
    }
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_told_again() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    for name in ["a", "b"] {
        world.server().command(&["SCRIPT", "FLUSH"]);
        assert_eq!(spend(&world, &token(name, &world)).await, "fresh", "a spend");
        world.server().command(&["SCRIPT", "FLUSH"]);
        world.guard().tick().await.unwrap();
    }
    assert_eq!(world.records(), 2);
}

#[tokio::test]
async fn a_master_that_became_a_replica_is_not_used() {
    for writable in ["no", "yes"] {
        let world = RedisWorld::single(RedisOptions::default()).await;
        let other = RedisServer::start(&RedisOptions { persistence: Persistence::None, ..RedisOptions::default() });
        let port = other.port().to_string();
        world.server().command(&["CONFIG", "SET", "replica-read-only", if writable == "yes" { "no" } else { "yes" }]);
        world.server().command(&["REPLICAOF", "127.0.0.1", &port]);
        eventually("it follows", || world.server().info("replication")["master_link_status"] == "up");
        assert_eq!(spend(&world, &token("a", &world)).await, "store_misconfigured", "writable: {writable}");
        assert_eq!(world.guard().tick().await.unwrap_err().reason(), "store_misconfigured", "writable: {writable}");
        assert_eq!(world.records(), 0, "writable: {writable}");
        let mut anew = RedisWorld::beside(Arc::clone(&world.site));
        let refusal = anew.start(OpenMode::Serve).await.unwrap_err();
        assert_eq!(refusal.reason(), "store_misconfigured");
        assert!(refusal.to_string().contains("is a replica"), "{refusal}");
    }
}

#[tokio::test]
async fn full_memory_refuses_until_there_is_room() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let spends = token("a", &world);
    world.server().command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(spend(&world, &spends).await, "store_full");
    world.server().command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(spend(&world, &spends).await, "fresh");
    world.server().command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_ne!(spend(&world, &spends).await, "fresh", "what was spent");
}

#[tokio::test]
async fn a_policy_that_evicts_is_found() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let store = Store::Redis(world.store().clone());
    store.check().await.unwrap();
    world.server().command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let found = store.check().await.unwrap_err();
    assert_eq!(found.trouble().reason(), "store_misconfigured");
    assert!(found.to_string().contains("CONFIG SET maxmemory-policy noeviction"), "{found}");
}

#[tokio::test]
async fn what_others_left_at_our_keys_lets_nothing_through() {
    for (left, reason, why) in [
        (&["RPUSH", "1"][..], "store_misconfigured", "a list"),
        (&["SET", ""], "store_unavailable", "nothing"),
        (&["SET", "somebody else's words"], "store_unavailable", "a text"),
    ] {
        let world = RedisWorld::single(RedisOptions::default()).await;
        let spends = token("a", &world);
        assert_eq!(spend(&world, &spends).await, "fresh", "{why}");
        let key = world.site.record_keys().remove(0);
        world.server().command(&["DEL", &key]);
        world.server().command(&[left[0], &key, left[1]]);
        assert_eq!(spend(&world, &spends).await, reason, "{why}");
    }
    let world = RedisWorld::single(RedisOptions::default()).await;
    world.server().command(&["SET", "cambist:{00}:v1:fence", "1"]);
    assert_eq!(spend(&world, &token("a", &world)).await, "store_misconfigured", "no fence");
    assert_eq!(world.records(), 0);
}

#[tokio::test]
async fn a_record_takes_no_more_room_than_the_manual_says() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    for (owner, limit) in [(None, 200), (Some(Digest256::of(b"request")), 250)] {
        world.site.flush();
        let world = past_the_fence(RedisWorld::on(Arc::clone(&world.site)).await);
        assert_eq!(spend(&world, &Spends { owner, ..token("a", &world) }).await, "fresh");
        let key = world.site.record_keys().remove(0);
        let bytes: u64 = text(&world.server().command(&["MEMORY", "USAGE", &key])).parse().unwrap();
        assert!(bytes <= limit, "{bytes} bytes, repeatable: {}", owner.is_some());
    }
}

/// Answers every command with the number one.
fn serve_ones(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let commands = buffer[..length].split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'*')).count();
        if stream.write_all(&b":1\r\n".repeat(commands)).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn something_that_is_not_redis_is_no_store() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(|| serve_ones(stream)))));
    let site = Site::of(RedisServer::start(&RedisOptions::default()), StoreClock::standing());
    let settings = RedisSettings {
        topology: Topology::Single(Address { host: "127.0.0.1".into(), port }),
        credentials: Credentials::default(),
        ..site.settings()
    };
    let refusal = RedisStore::open(settings, OpenMode::Serve, Arc::new(SystemClock::new())).await.unwrap_err();
    assert!(refusal.to_string().contains("is it really Redis"), "{refusal}");
}
