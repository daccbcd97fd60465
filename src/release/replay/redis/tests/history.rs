//! Every way in which a real server loses what it knew: what may be forgotten is fenced, what is kept is a replay.

use std::path::Path;

use super::site::{Site, StoreClock, with_user};
use super::world::{RedisWorld, settled};
use crate::domain::{Clock as _, Seconds};
use crate::release::issuance::Spends;
use crate::release::replay::SpendError;
use crate::release::replay::world::{World as _, past_the_fence, spend, token};
use crate::servers::Persistence::{AofAlways, AofEverysec, None as Nothing, Rdb};
use crate::servers::{Mode, Persistence, Proxy, RedisOptions, RedisServer, eventually, list, text};
use crate::store::OpenMode;

/// What happens between two presentations of a token, to a server whose data was copied into that folder before the first one.
type Event = fn(&RedisServer, &Path);

/// One token is spent before the event and presented after it, to a process that saw nothing of it; nobody else calls meanwhile.
async fn presented_after(persistence: Persistence, event: Event) -> (RedisWorld, &'static str) {
    let world = RedisWorld::single(RedisOptions { persistence, ..RedisOptions::default() }).await;
    let backup = tempfile::tempdir().unwrap();
    world.server().copy_data_to(backup.path());
    let spends = token("a", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");
    event(world.server(), backup.path());
    let outcome = settled(&world, &spends).await;
    (world, outcome)
}

/// Sends a command after which the server answers no more, or not this one.
fn order(server: &RedisServer, words: &[&str]) {
    drop(server.try_command(words));
}

fn shut_down(server: &RedisServer, _: &Path) {
    order(server, &["SHUTDOWN"]);
    eventually("it has ended", || !server.is_running());
    server.restart();
}

fn restart_with_replica(server: &RedisServer, _: &Path) {
    let replica = attach(server);
    server.restart();
    eventually("the replica is back", || replica.info("replication")["master_link_status"] == "up");
}

fn attach(server: &RedisServer) -> RedisServer {
    let replica = RedisServer::start(&RedisOptions { replica_of: Some(server.port()), ..RedisOptions::default() });
    is_followed(server);
    replica
}

fn is_followed(server: &RedisServer) {
    eventually("the replica is online", || {
        server.info("replication").get("slave0").is_some_and(|replica| replica.contains("state=online"))
    });
}

fn becomes(role: &str, server: &RedisServer) {
    eventually("its role has changed", || text(&list(server.command(&["ROLE"]))[0]) == role);
}

fn fail_over_and_back(server: &RedisServer, _: &Path) {
    let replica = attach(server);
    for (from, to) in [(server, &replica), (&replica, server)] {
        from.command(&["FAILOVER", "TO", "127.0.0.1", &to.port().to_string()]);
        becomes("slave", from);
        becomes("master", to);
        is_followed(to);
    }
}

/// It takes another server's data, and leaves it again.
fn follow_and_leave(server: &RedisServer, _: &Path) {
    let other = RedisServer::start(&RedisOptions::default());
    server.command(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
    eventually("it has the other's data", || server.info("replication")["master_link_status"] == "up");
    server.command(&["REPLICAOF", "NO", "ONE"]);
}

/// Somebody lets it evict for a moment.
pub(super) fn evict(server: &RedisServer, _: &Path) {
    let set = |name: &str, value: &str| server.command(&["CONFIG", "SET", name, value]);
    set("maxmemory-policy", "volatile-ttl");
    set("maxmemory", "1");
    eventually("everything that may expire is gone", || {
        order(server, &["SET", "other", "1"]);
        server.info("keyspace").get("db0").is_none_or(|keys| keys.contains("expires=0"))
    });
    set("maxmemory", "0");
    set("maxmemory-policy", "noeviction");
}

#[tokio::test]
async fn whatever_may_have_been_forgotten_is_fenced() {
    let rows: &[(&str, Persistence, Event)] = &[
        ("kill -9, nothing on disk", Nothing, |server, _| server.restart()),
        ("kill -9, a snapshot of before", Rdb, |server, _| server.restart()),
        ("kill -9, append-only file", AofEverysec, |server, _| server.restart()),
        ("kill -9, append-only file, always synced", AofAlways, |server, _| server.restart()),
        ("an orderly end, with a snapshot", Rdb, shut_down),
        ("an orderly end, append-only file", AofAlways, shut_down),
        ("kill -9 with a replica attached", AofEverysec, restart_with_replica),
        ("an older snapshot put back", Rdb, |server, backup| server.put_data_back(backup)),
        ("an older append-only file put back", AofEverysec, |server, backup| server.put_data_back(backup)),
        ("started empty", AofEverysec, |server, _| server.restart_empty()),
        ("FLUSHALL", AofEverysec, |server, _| drop(server.command(&["FLUSHALL"]))),
        ("SWAPDB", AofEverysec, |server, _| drop(server.command(&["SWAPDB", "0", "1"]))),
        ("FAILOVER and back", Nothing, fail_over_and_back),
        ("replica of another server for a while", Nothing, follow_and_leave),
        ("a moment of volatile-ttl under memory pressure", Nothing, evict),
        ("the first replica attaches: nothing is lost, nobody knows", Nothing, |server, _| drop(attach(server))),
        ("DEBUG CHANGE-REPL-ID: the same", Nothing, |server, _| drop(server.command(&["DEBUG", "CHANGE-REPL-ID"]))),
    ];
    for (why, persistence, event) in rows {
        let (world, outcome) = presented_after(*persistence, *event).await;
        assert_eq!(outcome, "fenced", "{why}");
        let world = past_the_fence(world);
        let newer = token("b", &world);
        assert_eq!(spend(&world, &newer).await, "fresh", "{why}: a token of after is accepted");
        assert_eq!(spend(&world, &newer).await, "replayed", "{why}");
    }
}

#[tokio::test]
async fn what_was_kept_is_a_replay() {
    let rows: &[(&str, Persistence, Event)] = &[
        ("DEBUG RELOAD", Rdb, |server, _| drop(server.command(&["DEBUG", "RELOAD"]))),
        ("DEBUG LOADAOF", AofAlways, |server, _| drop(server.command(&["DEBUG", "LOADAOF"]))),
        ("SCRIPT FLUSH", Nothing, |server, _| drop(server.command(&["SCRIPT", "FLUSH"]))),
        ("BGREWRITEAOF", AofAlways, |server, _| drop(server.command(&["BGREWRITEAOF"]))),
        ("stopped and continued", Nothing, |server, _| {
            server.stop_process();
            server.continue_process();
        }),
    ];
    for (why, persistence, event) in rows {
        assert_eq!(presented_after(*persistence, *event).await.1, "replayed", "{why}");
    }
}

#[tokio::test]
async fn a_replica_that_lagged_is_fenced_as_master() {
    let clock = StoreClock::standing();
    let options = || with_user(RedisOptions { persistence: Nothing, ..RedisOptions::default() }, &clock);
    let old = RedisServer::start(&options());
    let proxy = Proxy::start(old.port());
    let replica = RedisServer::start(&RedisOptions { replica_of: Some(proxy.port()), ..options() });
    eventually("the replica is attached", || replica.info("replication")["master_link_status"] == "up");
    let world = past_the_fence(RedisWorld::on(Site::of(old, clock.clone())).await);
    assert_eq!(spend(&world, &token("before", &world)).await, "fresh");
    eventually("the replica has followed", || replica.command(&["DBSIZE"]) == world.server().command(&["DBSIZE"]));
    proxy.set(Mode::Stall);
    let spends = token("a", &world);
    assert_eq!(spend(&world, &spends).await, "fresh");

    world.server().kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let mut promoted = RedisWorld::beside(Site::of(replica, clock));
    promoted.start(OpenMode::Serve).await.unwrap();
    assert_eq!(promoted.records(), 1, "the last spend is missing");
    assert_eq!(spend(&promoted, &spends).await, "fenced");
    let promoted = past_the_fence(promoted);
    assert_eq!(spend(&promoted, &token("b", &promoted)).await, "fresh");
}

#[tokio::test]
async fn a_clock_of_the_server_that_was_elsewhere_puts_up_the_fence() {
    for (ahead, behind, expected, why) in [
        (86_400, 0, "fenced", "a day ahead: records may have expired by it"),
        (0, 86_400, "replayed", "a day behind: that lengthens lives"),
    ] {
        let world = RedisWorld::single(RedisOptions::default()).await;
        let (spends, now) = (token("a", &world), world.clock().now());
        assert_eq!(spend(&world, &spends).await, "fresh");
        world.guard().tick().await.unwrap();
        world.site.clock.set(now + Seconds(ahead) - Seconds(behind));
        let outcome = world.guard_as_it_is().tick().await;
        assert!(matches!(outcome, Err(SpendError::ClockOffset { .. })), "{why}: {outcome:?}");
        world.site.clock.set(now);
        assert_eq!(spend(&world, &spends).await, expected, "{why}, and back");
    }
}

#[tokio::test]
async fn the_fence_goes_up_by_time_without_any_use() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let before = world.guard().tick().await.unwrap();
    world.site.flush();
    let now = world.clock().now();
    let pulse = world.guard().tick().await.unwrap();
    assert_eq!(pulse.fences, before.fences + 1);
    assert_eq!(pulse.fence_until, now + world.guard().fence_margin());
    world.clock().advance(Seconds(1_000));
    assert_eq!(world.guard().tick().await.unwrap().fences, pulse.fences, "once");
    let late = world.clock().now();
    for (issued_at, expected) in [(pulse.fence_until, "fenced"), (pulse.fence_until + Seconds(1), "fresh"), (late, "fresh")] {
        let spends = Spends { issued_at: Some(issued_at), ..token(&issued_at.to_string(), &world) };
        assert_eq!(spend(&world, &spends).await, expected);
    }
}

#[tokio::test]
async fn a_use_before_the_tick_puts_up_the_fence_too() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let (spends, newer) = (token("a", &world), token("b", &world));
    assert_eq!(spend(&world, &spends).await, "fresh");
    let fences = world.guard().tick().await.unwrap().fences;
    world.site.flush();
    assert_eq!(spend(&world, &spends).await, "fenced");
    assert_eq!(spend(&world, &newer).await, "fenced", "nobody knows that it was not spent");
    assert_eq!(world.guard().tick().await.unwrap().fences, fences + 1, "by the spend, and not again");
}
