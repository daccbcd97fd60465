//! `[store]`.

use std::path::PathBuf;

use super::*;
use crate::store::redis::{Address, Topology};

#[test]
fn a_store_is_a_file_or_a_redis_and_no_password_is_repeated() {
    for (url, expected, why) in [
        ("sqlite:/var/lib/c.db", Ok("/var/lib/c.db"), "absolute"),
        ("sqlite:c.db", Ok("etc/c.db"), "relative to the file"),
        ("sqlite::memory:", Err("forgets"), "memory"),
        ("sqlite://state/c.db", Err("path of a file"), "an authority"),
        ("sqlite:c.db?mode=ro", Err("path of a file"), "options"),
        ("sqlite:state/", Err("path of a file"), "a folder"),
        ("sqlite:", Err("path of a file"), "nothing"),
        ("state/c.db", Err("path of a file"), "no scheme"),
        ("postgres://db/x", Err("path of a file"), "another store"),
        ("rediss://:hunter2@cache:6379", Err("credentials"), "a password"),
        ("postgres://u:hunter2@db/x", Err("credentials"), "a password in any URL"),
    ] {
        let lines = format!("issuer = 'https://sts.example.com'\n[store]\nurl = '{url}'");
        match expected {
            Ok(file) => assert_eq!(accepted(&lines).store.file(), Some(Path::new(file)), "{why}"),
            Err(message) => {
                let report = refused(&lines);
                assert!(report.contains(message) && !report.contains("hunter2"), "{why}: {report}");
            }
        }
    }
    assert!(fault("[store]\npassword = { file = 'p' }").contains("belongs to a Redis store"));
}

/// A good file but for its store.
fn with_store(lines: &str) -> String {
    format!("issuer = 'https://sts.example.com'\n[keys]\nencryption_keys = [{{ file = 'k' }}]\n[store]\n{lines}")
}

fn redis(lines: &str) -> RedisSection {
    match accepted(&with_store(lines)).store {
        StoreSection::Redis(section) => *section,
        StoreSection::Sqlite { .. } => panic!("{lines}"),
    }
}

fn at(host: &str, port: u16) -> Address {
    Address { host: host.into(), port }
}

#[test]
fn every_url_of_a_redis_says_which_servers_and_how() {
    let sentinels = |addresses: &[Address]| Topology::Sentinel { sentinels: addresses.to_vec(), master: "main".into() };
    let cluster = |addresses: &[Address]| Topology::Cluster { seeds: addresses.to_vec() };
    for (url, topology, tls, database) in [
        ("redis://cache:6379", Topology::Single(at("cache", 6379)), false, 0),
        ("redis://cache:6379/", Topology::Single(at("cache", 6379)), false, 0),
        ("redis://10.0.0.7:6379/3", Topology::Single(at("10.0.0.7", 6379)), false, 3),
        ("rediss://[fd00::7]:6380", Topology::Single(at("fd00::7", 6380)), true, 0),
        ("redis+sentinel://a:26379?master=main", sentinels(&[at("a", 26379)]), false, 0),
        ("redis+sentinel://a:26379,[::1]:26380/?master=main", sentinels(&[at("a", 26379), at("::1", 26380)]), false, 0),
        ("rediss+sentinel://a:1,b:2,c:3?master=main", sentinels(&[at("a", 1), at("b", 2), at("c", 3)]), true, 0),
        ("redis+cluster://a:7000", cluster(&[at("a", 7000)]), false, 0),
        ("rediss+cluster://a:7000,b:7001/", cluster(&[at("a", 7000), at("b", 7001)]), true, 0),
    ] {
        let section = redis(&format!("url = '{url}'"));
        assert_eq!((section.topology, section.tls, section.database), (topology, tls, database), "{url}");
        assert_eq!((section.user, &*section.prefix), (RedisUser::default(), "cambist:"), "{url}");
    }
}

#[test]
fn a_url_that_says_too_little_or_too_much_is_refused_without_being_repeated() {
    const SINGLE: &str = "expected hosts with ports";
    const SENTINEL: &str = "expected all Sentinels";
    for (url, expected, why) in [
        ("redis://hunter2", SINGLE, "no port"),
        ("redis://hunter2:", SINGLE, "an empty port"),
        ("redis://hunter2:0", SINGLE, "no port that anybody listens on"),
        ("redis://hunter2:65536", SINGLE, "beyond the last port"),
        ("redis://:6379", SINGLE, "no host"),
        ("redis:hunter2:6379", SINGLE, "no slashes"),
        ("redis://hunter2:6379/x", SINGLE, "no number of a database"),
        ("redis://hunter2:6379/-1", SINGLE, "a negative database"),
        ("redis://hunter2:6379/0/1", SINGLE, "two paths"),
        ("redis://hunter2:6379?db=1", SINGLE, "a query"),
        ("redis://hunter2:6379#x", SINGLE, "a fragment"),
        ("redis://a:1,b:2", SINGLE, "two servers that know nothing of each other"),
        ("redis://::1:6379", SINGLE, "IPv6 without brackets"),
        ("redis://[10.0.0.7]:6379", SINGLE, "brackets without IPv6"),
        ("redis+cluster://a:1,,b:2", SINGLE, "an empty host"),
        ("redis+cluster://a:1/1", SINGLE, "a cluster has one database"),
        ("redis+sentinel://hunter2:26379", SENTINEL, "which master?"),
        ("redis+sentinel://hunter2:26379?master=", SENTINEL, "which master?"),
        ("redis+sentinel://hunter2:26379?master=a b", SENTINEL, "no such name"),
        ("redis+sentinel://a:1/2?master=main", SENTINEL, "a database"),
        ("redis+sentinel://?master=main", SENTINEL, "nobody to ask"),
        ("redis+unix:///run/redis", "expected `sqlite:`", "no such scheme"),
        ("valkey://hunter2:6379", "expected `sqlite:`", "no such scheme"),
        ("redis://user:hunter2@cache:6379", "credentials never stand", "credentials"),
        ("redis+sentinel://:hunter2@a:1?master=main", "credentials never stand", "credentials"),
        ("rediss+cluster://hunter2@a:1", "credentials never stand", "credentials"),
    ] {
        let report = refused(&with_store(&format!("url = '{url}'")));
        assert!(report.contains(expected) && !report.contains("hunter2") && report.lines().count() == 1, "{why}: {report}");
    }
}

#[test]
fn every_field_of_a_redis_is_read() {
    let section = redis(
        "url = 'rediss+sentinel://a:26379?master=main'\nusername = 'cambist'\npassword = { file = 'password' }\n\
         sentinel_username = 'watcher'\nsentinel_password = { env = 'WATCHER' }\nca_file = '/etc/ca.pem'\n\
         client_certificate = 'client.pem'\nclient_key = { file = 'client.key' }\nprefix = 'sts.prod-1:'",
    );
    let user = |name: &str, password| RedisUser { name: Some(name.into()), password: Some(password) };
    assert_eq!(section.user, user("cambist", Secret::File("etc/password".into())));
    assert_eq!(section.sentinel_user, user("watcher", Secret::Env("WATCHER".into())));
    assert_eq!(section.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(section.client, Some(("etc/client.pem".into(), Secret::File("etc/client.key".into()))));
    assert_eq!(&*section.prefix, "sts.prod-1:");
    let unnamed = redis("url = 'redis://a:1'\npassword = { env = 'P' }").user;
    assert_eq!(unnamed, RedisUser { name: None, password: Some(Secret::Env("P".into())) }, "the user `default`");
}

#[test]
fn a_field_that_cannot_be_meant_is_refused() {
    const TLS: &str = "this needs TLS";
    for (lines, expected, why) in [
        ("url = 'redis://a:1'\npassword = 'hunter2'", "never stands in this file", "the password itself"),
        ("url = 'redis://a:1'\npassword = { file = '' }", "expected a path", "no file"),
        ("url = 'redis://a:1'\nusername = 'cambist'", "`username` without `password`", "half of the credentials"),
        ("url = 'redis://a:1'\nusername = 'a b'\npassword = { env = 'P' }", "name of an ACL user", "no such user"),
        ("url = 'redis://a:1'\nusername = { file = 'f' }\npassword = { env = 'P' }", "store.username", "a name is a text"),
        ("url = 'redis://a:1'\nca_file = 'ca.pem'", TLS, "without TLS"),
        ("url = 'redis://a:1'\nclient_certificate = 'c.pem'", TLS, "without TLS"),
        ("url = 'redis+cluster://a:1'\nclient_key = { file = 'k' }", TLS, "without TLS"),
        ("url = 'rediss://a:1'\nclient_certificate = 'c.pem'", "belong together", "a certificate without its key"),
        ("url = 'rediss://a:1'\nclient_key = { file = 'k' }", "belong together", "a key without its certificate"),
        ("url = 'rediss://a:1'\nclient_certificate = 'c'\nclient_key = 'hunter2'", "never stands in this file", "the key itself"),
        ("url = 'redis://a:1'\nsentinel_username = 's'", "redis+sentinel:// only", "no Sentinels"),
        ("url = 'redis+cluster://a:1'\nsentinel_password = { env = 'S' }", "redis+sentinel:// only", "no Sentinels"),
        ("url = 'redis+sentinel://a:1?master=m'\nsentinel_username = 's'", "`sentinel_username` without", "half of the credentials"),
        ("url = 'redis://a:1'\nprefix = ''", "1 to 64 letters", "no prefix"),
        ("url = 'redis://a:1'\nprefix = '{cambist}'", "1 to 64 letters", "braces mark the hash tag"),
        ("url = 'redis://a:1'\nprefix = 'a b'", "1 to 64 letters", "a space"),
        ("url = 'redis://a:1'\nprefx = 'a'", "unknown field `prefx`", "a typo"),
        ("url = 'redis://a:1'\npasword = { file = 'hunter2' }", "unknown field `pasword`", "a typo"),
        ("url = 'sqlite:a.db'\nprefix = 'a'", "belongs to a Redis store", "SQLite has none"),
    ] {
        let report = refused(&with_store(lines));
        assert!(report.contains(expected) && !report.contains("hunter2") && report.lines().count() == 1, "{why}: {report}");
    }
}

#[test]
fn a_shared_store_wants_a_key_that_all_nodes_have() {
    for keys in ["", "[keys]\nrotate_every = '7d'\n"] {
        let report = refused(&format!("issuer = 'https://sts.example.com'\n{keys}[store]\nurl = 'redis://a:1'"));
        assert!(report.contains("encryption_keys") && report.lines().count() == 1, "{report}");
    }
}
