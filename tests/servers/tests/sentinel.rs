//! Sentinels that agree, fail over, and are cut off.

use super::super::servers::{MASTER_NAME, Proxy, RedisOptions, RedisServer, SentinelTrio, TrioOptions, eventually, list, text};
use super::{certificates, get};

/// What a Sentinel knows of the master.
fn field(sentinel: &RedisServer, name: &str) -> String {
    let master = list(sentinel.command(&["SENTINEL", "MASTER", MASTER_NAME]));
    let at = master.iter().position(|value| text(value) == name).unwrap();
    text(&master[at + 1])
}

fn is_replica(server: &RedisServer) -> bool {
    server.try_command(&["ROLE"]).is_ok_and(|role| text(&list(role)[0]) == "slave")
}

#[test]
fn a_killed_master_is_replaced_and_returns_as_replica() {
    let trio = SentinelTrio::start(&TrioOptions::default());
    assert_eq!((trio.servers().len(), trio.sentinels().len(), trio.master_index()), (3, 3, 0));
    for sentinel in trio.sentinels() {
        assert_eq!((field(sentinel, "num-slaves"), field(sentinel, "num-other-sentinels")), ("2".into(), "2".into()));
    }
    let ports: Vec<String> = trio.sentinels().iter().map(RedisServer::address).collect();
    assert_eq!(trio.url(), format!("redis+sentinel://{}?master=main", ports.join(",")));
    trio.master().command(&["SET", "key", "1"]);
    eventually("both replicas have it", || trio.servers().iter().all(|server| get(server, "key") == "1"));
    let epoch: u64 = field(&trio.sentinels()[0], "config-epoch").parse().unwrap();
    trio.servers()[0].kill();
    let new = trio.wait_for_failover(0);
    assert_ne!(new, 0);
    assert_eq!(get(trio.master(), "key"), "1");
    eventually("the epoch grows", || field(&trio.sentinels()[0], "config-epoch").parse::<u64>().unwrap() > epoch);
    trio.servers()[0].restart();
    eventually("it returns as a replica", || is_replica(&trio.servers()[0]));
    trio.wait_until_whole();
}

#[test]
fn a_failover_is_ordered() {
    let options = TrioOptions { replicas: 1, sentinel_password: Some("ask".into()), ..TrioOptions::default() };
    let servers = RedisOptions { password: Some("secret".into()), ..options.servers.clone() };
    let trio = SentinelTrio::start(&TrioOptions { servers, ..options });
    assert_eq!((trio.failover(), trio.master_index()), (1, 1));
    eventually("the old one follows", || is_replica(&trio.servers()[0]));
    trio.wait_until_whole();
    trio.restart_sentinel(2);
    trio.wait_until_whole();
    assert_eq!(trio.failover(), 0, "and back");
}

#[test]
fn a_master_is_cut_off_from_everybody_but_clients() {
    let trio = SentinelTrio::start(&TrioOptions { proxied: true, brisk: false, ..TrioOptions::default() });
    let ports: Vec<String> = trio.sentinel_proxies().iter().map(Proxy::address).collect();
    assert_eq!(trio.url(), format!("redis+sentinel://{}?master=main", ports.join(",")));
    assert_eq!(trio.peer_port(0), trio.server_proxies()[0].port());
    trio.isolate_server(0);
    let new = trio.wait_for_failover(0);
    let old = redis::Client::open(format!("redis://{}", trio.server_proxies()[0].address())).unwrap();
    redis::cmd("SET").arg(&["key", "1"]).exec(&mut old.get_connection().unwrap()).expect("it takes writes: two masters at once");
    assert_eq!(get(&trio.servers()[new], "key"), "");
    trio.heal();
    eventually("it follows the new one, and forgets", || is_replica(&trio.servers()[0]) && get(&trio.servers()[0], "key").is_empty());
}

#[test]
fn a_sentinel_that_is_cut_off_keeps_its_old_master() {
    let trio = SentinelTrio::start(&TrioOptions { proxied: true, ..TrioOptions::default() });
    trio.isolate_sentinel(2);
    trio.servers()[0].kill();
    let new = trio.wait_for_failover(0);
    eventually("the failover ends", || field(&trio.sentinels()[0], "port") == trio.peer_port(new).to_string());
    assert_eq!(field(&trio.sentinels()[2], "port"), trio.peer_port(0).to_string());
    trio.heal();
    eventually("it hears of the new one", || field(&trio.sentinels()[2], "port") == trio.peer_port(new).to_string());
}

#[test]
fn everybody_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let options = TrioOptions { replicas: 1, ..TrioOptions::default() };
    let servers = RedisOptions { tls: Some(certificates(folder.path())), ..options.servers.clone() };
    let trio = SentinelTrio::start(&TrioOptions { servers, ..options });
    let ports: Vec<String> = trio.sentinels().iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.tls_port())).collect();
    assert_eq!(trio.url(), format!("rediss+sentinel://{}?master=main", ports.join(",")));
    assert_eq!(field(&trio.sentinels()[0], "port"), trio.servers()[0].tls_port().to_string());
    assert_eq!(trio.failover(), 1);
}

#[test]
fn replicas_fall_behind_unnoticed_until_they_are_healed() {
    let trio = SentinelTrio::start(&TrioOptions { proxied: true, brisk: false, ..TrioOptions::default() });
    trio.stall_replication();
    trio.master().command(&["SET", "key", "1"]);
    let behind = (1..3).filter(|replica| get(&trio.servers()[*replica], "key") != "1").count();
    assert_eq!(behind, 2);
    trio.heal();
    eventually("both have caught up", || trio.servers().iter().all(|server| get(server, "key") == "1"));
}
