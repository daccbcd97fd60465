//! Redis with several servers: who is told, and by whom, when another server is master.

use tokio::sync::Notify;

use super::*;
use crate::servers::{Cluster, ClusterOptions, MASTER_NAME, Persistence, SentinelTrio, TrioOptions};

fn servers() -> RedisOptions {
    RedisOptions { persistence: Persistence::None, users: vec![RedisOptions::documented_user("secret")], ..RedisOptions::default() }
}

async fn open(settings: &StoreSettings, mode: OpenMode) -> Store {
    Store::open(settings, &[], mode, Arc::new(SystemClock::new())).await.unwrap()
}

/// A node that hears, and what it hears by.
async fn listening(settings: &StoreSettings) -> (Revocations, Arc<Notify>, crate::store::redis::Listener) {
    let clock = Arc::new(SystemClock::new());
    let node = RevocationSettings { node: "a".into(), max_stale: Seconds(30) };
    let node = Revocations::new(open(settings, OpenMode::Command).await, node, clock);
    node.sync().await.unwrap();
    let heard = Arc::new(Notify::new());
    let notify = Arc::clone(&heard);
    let listener = node.listen(move || notify.notify_one()).unwrap();
    heard.notified().await;
    (node, heard, listener)
}

async fn publish_and_hear(store: &Store, name: &str, node: &Revocations, heard: &Notify) {
    publish(store, &block(issuer(name)).into(), &SystemClock::new()).await.unwrap();
    heard.notified().await;
    node.sync().await.unwrap();
    assert!(known(node).contains(&name.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_a_node_hears_of_every_change() {
    let cluster = Cluster::start(&ClusterOptions { nodes: servers(), ..ClusterOptions::default() });
    let seeds = (0..cluster.nodes().len()).map(|index| here(cluster.peer_port(index))).collect();
    let settings = redis_at(Topology::Cluster { seeds });
    drop(open(&settings, OpenMode::Init { accept_loss: false }).await);
    let (node, heard, _listener) = listening(&settings).await;
    let store = open(&settings, OpenMode::Command).await;
    for name in ["one", "two"] {
        publish_and_hear(&store, name, &node, &heard).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_a_node_has_lost_nothing_and_hears_of_the_new_master() {
    let trio = SentinelTrio::start(&TrioOptions { servers: servers(), ..TrioOptions::default() });
    for sentinel in trio.sentinels() {
        let user = ["ACL", "SETUSER", "cambist", "on", ">secret", "-@all", "+sentinel|master", "+sentinel|myid"];
        sentinel.command(&user);
    }
    let sentinels = trio.sentinels().iter().map(|sentinel| here(sentinel.port())).collect();
    let StoreSettings::Redis(settings) = redis_at(Topology::Sentinel { sentinels, master: MASTER_NAME.into() }) else { unreachable!() };
    let settings = StoreSettings::Redis(RedisSettings { sentinel_credentials: settings.credentials.clone(), ..settings });
    drop(open(&settings, OpenMode::Init { accept_loss: false }).await);
    let (node, heard, _listener) = listening(&settings).await;
    let store = open(&settings, OpenMode::Command).await;
    publish_and_hear(&store, "one", &node, &heard).await;
    trio.master().kill();
    while node.sync().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // It has reconnected, and says so, because it may have missed something.
    heard.notified().await;
    publish_and_hear(&store, "two", &node, &heard).await;
    assert_eq!(known(&node), ["one", "two"]);
}
