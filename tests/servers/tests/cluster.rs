//! A Cluster that fails over, moves slots, and is cut apart.

use super::super::servers::{Cluster, ClusterOptions, RedisOptions, RedisServer, eventually, text};
use super::{certificates, get};

/// A key and its slot, in the share of the first master.
const KEY: &str = "b";

fn state(node: &RedisServer) -> String {
    text(&node.command(&["CLUSTER", "INFO"])).lines().next().unwrap().trim().to_owned()
}

#[test]
fn a_killed_master_is_replaced_and_returns_as_replica() {
    let cluster = Cluster::start(&ClusterOptions::default());
    assert_eq!(cluster.masters(), [0, 1, 2]);
    assert_eq!((cluster.replicas_of(0), cluster.replicas_of(1), cluster.replicas_of(2)), (vec![3], vec![4], vec![5]));
    assert_eq!(text(&cluster.nodes()[4].command(&["CLUSTER", "MYID"])), cluster.ids()[4]);
    let addresses: Vec<String> = cluster.nodes().iter().map(RedisServer::address).collect();
    assert_eq!(cluster.url(), format!("redis+cluster://{}", addresses.join(",")));
    let slot = cluster.slot_of(KEY);
    assert_eq!(cluster.master_of_slot(slot), 0);
    cluster.nodes()[0].kill();
    assert_eq!(cluster.wait_for_failover(slot, 0), 3);
    cluster.wait_until_content();
    cluster.nodes()[0].restart();
    cluster.wait_until_whole();
    assert_eq!((cluster.masters(), cluster.replicas_of(3)), (vec![3, 1, 2], vec![0]));
}

#[test]
fn a_failover_is_ordered() {
    let cluster = Cluster::start(&ClusterOptions::default());
    cluster.failover(3);
    eventually("the old one follows", || cluster.replicas_of(3) == [0]);
    assert_eq!(cluster.masters(), [3, 1, 2]);
    cluster.wait_until_whole();
    cluster.takeover(0);
    eventually("and back", || cluster.replicas_of(0) == [3]);
    cluster.wait_until_whole();
    assert_eq!(cluster.masters(), [0, 1, 2]);
}

#[test]
fn a_slot_moves_with_its_keys() {
    let password = Some("secret".to_owned());
    let nodes = RedisOptions { password, ..ClusterOptions::default().nodes };
    let cluster = Cluster::start(&ClusterOptions { nodes, ..ClusterOptions::default() });
    let slot = cluster.slot_of(KEY);
    for number in 0..250 {
        cluster.nodes()[0].command(&["SET", &format!("{{{KEY}}}{number}"), &number.to_string()]);
    }
    cluster.migrate_slot(slot, 0, 2);
    assert_eq!(cluster.master_of_slot(slot), 2);
    assert_eq!(get(&cluster.nodes()[2], &format!("{{{KEY}}}249")), "249");
    let moved = cluster.nodes()[0].try_command(&["GET", KEY]).unwrap_err();
    assert_eq!(moved.redirect_node().map(|(address, to)| (address.to_owned(), to)), Some((cluster.nodes()[2].address(), slot)));
    cluster.wait_until_whole();
}

#[test]
fn a_master_is_cut_off_from_all_nodes_but_not_from_clients() {
    let cluster = Cluster::start(&ClusterOptions { proxied: true, ..ClusterOptions::default() });
    assert_eq!(cluster.peer_port(1), cluster.proxies()[1].port());
    let slot = cluster.slot_of(KEY);
    cluster.isolate(0);
    cluster.nodes()[0].command(&["SET", KEY, "lost"]);
    assert_eq!(cluster.wait_for_failover(slot, 0), 3);
    eventually("it sees that it is alone", || state(&cluster.nodes()[0]) == "cluster_state:fail");
    eventually("the others go on", || state(&cluster.nodes()[3]) == "cluster_state:ok");
    assert_eq!(get(&cluster.nodes()[3], KEY), "");
    cluster.heal();
    cluster.wait_until_whole();
    assert_eq!(cluster.replicas_of(3), [0]);
}

#[test]
fn all_nodes_speak_tls() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = RedisOptions { tls: Some(certificates(folder.path())), ..ClusterOptions::default().nodes };
    let cluster = Cluster::start(&ClusterOptions { nodes, ..ClusterOptions::default() });
    let addresses: Vec<String> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.tls_port())).collect();
    assert_eq!(cluster.url(), format!("rediss+cluster://{}", addresses.join(",")));
    let slot = cluster.slot_of(KEY);
    cluster.nodes()[0].command(&["SET", KEY, "1"]);
    cluster.migrate_slot(slot, 0, 1);
    assert_eq!(get(&cluster.nodes()[1], KEY), "1");
}
