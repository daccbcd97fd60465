//! The ACL users of the operations manual: what they may do suffices, and each right is there for a reason.

use std::sync::Arc;

use secrecy::SecretString;

use super::*;
use crate::domain::SystemClock;
use crate::servers::{Cluster, ClusterOptions, MASTER_NAME, RedisOptions, RedisServer, SentinelTrio, TrioOptions};
use crate::store::{OpenMode, StoreError, StoreTrouble};

const PASSWORD: &str = "secret";

fn here(port: u16) -> Address {
    Address { host: "127.0.0.1".into(), port }
}

fn user() -> Credentials {
    Credentials { username: Some("cambist".into()), password: Some(ReadSecret::new(|| Ok(SecretString::from(PASSWORD)))) }
}

fn with_user() -> RedisOptions {
    RedisOptions { users: vec![RedisOptions::documented_user(PASSWORD)], ..RedisOptions::default() }
}

fn settings(topology: Topology) -> RedisSettings {
    RedisSettings {
        topology,
        database: 0,
        credentials: user(),
        sentinel_credentials: Credentials::default(),
        tls: None,
        prefix: "cambist:".into(),
    }
}

async fn init(settings: RedisSettings) -> Result<RedisStore, StoreError> {
    RedisStore::open(settings, OpenMode::Init { accept_loss: true }, Arc::new(SystemClock::new())).await
}

fn granted() -> Vec<String> {
    let user = RedisOptions::documented_user(PASSWORD);
    user.split(' ').filter(|rule| rule.starts_with('+')).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_one_of_the_rights_is_refused_at_the_start() {
    let server = RedisServer::start(&with_user());
    let single = || settings(Topology::Single(here(server.port())));
    for right in granted() {
        let revoked = right.replace('+', "-");
        server.command(&["SCRIPT", "FLUSH"]);
        server.command(&["ACL", "SETUSER", "cambist", &revoked]);
        match (&*right, init(single()).await) {
            // For health checks of the server itself, such as that of the composition; to hear sooner of what is read anyway; for a
            // cluster, see below.
            ("+ping" | "+publish" | "+subscribe" | "+cluster|nodes", Ok(_)) => {}
            (_, Err(error)) => {
                assert_eq!(error.trouble(), StoreTrouble::Misconfigured, "{right}: {error}");
                let name = right.trim_start_matches('+').replace('|', " ");
                assert!(
                    ["evalsha", "script load"].contains(&&*name) || error.to_string().to_lowercase().contains(&name),
                    "{right}: {error}"
                );
            }
            (_, Ok(_)) => panic!("{right} is not needed"),
        }
        server.command(&["ACL", "SETUSER", "cambist", &right]);
    }
    assert!(init(single()).await.is_ok(), "with all of them it is well");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_needs_select() {
    let server = RedisServer::start(&with_user());
    let third = || RedisSettings { database: 3, ..settings(Topology::Single(here(server.port()))) };
    assert_eq!(init(third()).await.unwrap_err().trouble(), StoreTrouble::Misconfigured);
    server.command(&["ACL", "SETUSER", "cambist", "+select"]);
    assert!(init(third()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_need_two_rights() {
    let trio = SentinelTrio::start(&TrioOptions { servers: with_user(), replicas: 1, ..TrioOptions::default() });
    let password = format!(">{PASSWORD}");
    let set_user = |rules: &[&str]| {
        for sentinel in trio.sentinels() {
            sentinel.command(&[&["ACL", "SETUSER", "cambist"], rules].concat());
        }
    };
    let sentinels = || trio.sentinels().iter().map(|sentinel| here(sentinel.port())).collect();
    let opened = || {
        init(RedisSettings {
            sentinel_credentials: user(),
            ..settings(Topology::Sentinel { sentinels: sentinels(), master: MASTER_NAME.into() })
        })
    };
    set_user(&["on", &password, "resetchannels", "-@all", "+sentinel|master", "+sentinel|myid"]);
    opened().await.unwrap();
    for right in ["sentinel|master", "sentinel|myid"] {
        set_user(&[&format!("-{right}")]);
        let error = opened().await.unwrap_err().to_string();
        assert!(error.contains("sentinel_username") && error.contains("NOPERM"), "{right}: {error}");
        set_user(&[&format!("+{right}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_needs_cluster_nodes() {
    let cluster = Cluster::start(&ClusterOptions { nodes: with_user(), ..ClusterOptions::default() });
    let seeds = || (0..cluster.nodes().len()).map(|index| here(cluster.peer_port(index))).collect();
    let opened = || init(settings(Topology::Cluster { seeds: seeds() }));
    opened().await.unwrap();
    for node in cluster.nodes() {
        node.command(&["ACL", "SETUSER", "cambist", "-cluster|nodes"]);
    }
    let error = opened().await.unwrap_err().to_string();
    assert!(error.contains("no node of the cluster answers") && error.contains("NOPERM"), "{error}");
}

#[test]
fn the_manual_shows_the_users_that_the_tests_use() {
    let manual = include_str!("../../../docs/operations.md");
    let file = include_str!("../../../deploy/redis/users.acl");
    for line in file.lines().filter(|line| line.starts_with("user cambist")) {
        assert!(manual.lines().any(|shown| shown == line), "docs/operations.md does not show: {line}");
    }
    assert!(manual.contains("resetchannels -@all +sentinel|master +sentinel|myid"));
}
