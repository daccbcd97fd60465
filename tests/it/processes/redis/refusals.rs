//! A server that would not be safe does not start, and says what to change.

use super::{PASSWORD, Site, toml_path};
use crate::servers::{ClockFile, RedisOptions, RedisServer, SentinelTrio, TrioOptions};
use crate::support::{Server, ServerOptions, free_address};
use crate::test_servers::certificates;

/// Starts it, and gives what it said when it ended. It must not serve.
fn refused(options: &ServerOptions) -> String {
    let mut server = Server::prepare(options);
    server.spawn();
    let status = server.ended();
    assert_eq!(status.code(), Some(1), "{}", server.process_log());
    let said = server.process_log();
    assert!(!said.contains(PASSWORD));
    said.lines().last().unwrap_or_default().to_owned()
}

fn initialised(site: &Site, redis: &RedisServer) {
    let (code, said) = site.prepare("n0", &redis.url()).command(&["store", "init"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_redis_that_cannot_be_used_is_told_with_what_to_change() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    initialised(&site, &redis);
    let nobody = format!("redis://{}", free_address());
    let replica = Site::redis(RedisOptions { replica_of: Some(redis.port()), ..RedisOptions::default() });
    let evicting = Site::redis(RedisOptions { policy: "allkeys-lru", ..RedisOptions::default() });
    let fresh = Site::redis(RedisOptions::default());
    let weak = Site::redis(RedisOptions::default());
    weak.command(&["ACL", "SETUSER", "cambist", "-hsetnx"]);
    let other_keys = Site::redis(RedisOptions::default());
    other_keys.command(&["ACL", "SETUSER", "cambist", "resetkeys", "~other:*"]);
    for (url, lines, expected, why) in [
        (nobody.clone(), "", &["no connection to Redis at 127.0.0.1", "refused"][..], "nobody listens"),
        (replica.url(), "", &["is a replica", "[store] url must name the master"], "a replica"),
        (evicting.url(), "", &["maxmemory-policy allkeys-lru", "CONFIG SET maxmemory-policy noeviction"], "it forgets"),
        (weak.url(), "", &["HSETNX", "docs/operations.md"], "a command is not permitted"),
        (other_keys.url(), "", &["docs/operations.md", "prefix"], "our keys are not permitted"),
        (fresh.url(), "", &["holds no cambist store", "cambist store init", "--accept-loss"], "no `store init`"),
        (format!("{}/3", redis.url()), "", &["select", "docs/operations.md"], "another database needs one command more"),
        (redis.url(), "prefix = 'other:'", &["docs/operations.md", "prefix"], "the user has other keys"),
        (format!("redis+sentinel://{}?master=main", redis.address()), "", &["no master of Redis is confirmed"], "no Sentinel"),
        (format!("redis+cluster://{}", redis.address()), "", &["no master of Redis is confirmed", "cluster"], "no cluster"),
    ] {
        let said = refused(&site.options("n1", &url, lines));
        for part in expected {
            assert!(said.contains(part), "{why}: {part}: {said}");
        }
    }
    redis.command(&["FLUSHALL"]);
    assert!(refused(&site.options("n1", &redis.url(), "")).contains("its data is lost"), "an emptied store");
}

#[test]
fn a_password_that_is_wrong_or_cannot_be_had_is_told() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    initialised(&site, &redis);
    let options = site.options("n1", &redis.url(), "");
    site.write("password", "another-password-than-the-right-one");
    let said = refused(&options);
    assert!(said.contains("access") && said.contains("Compare username, password") && !said.contains("another-password"), "{said}");
    std::fs::remove_file(site.secrets.path().join("password")).unwrap();
    let said = refused(&options);
    assert!(said.contains("password") && said.contains("cannot be read"), "{said}");
}

#[test]
fn a_clock_that_is_far_off_is_told() {
    let (site, clock) = (Site::new(), ClockFile::new());
    let redis = Site::redis(RedisOptions { clock: Some(clock.clone()), ..RedisOptions::default() });
    initialised(&site, &redis);
    for offset in [120, -120] {
        clock.set_offset(offset);
        let said = refused(&site.options("n1", &redis.url(), ""));
        assert!(said.contains("time synchronisation") && said.contains(" s off"), "{said}");
    }
}

#[test]
fn a_tls_that_does_not_fit_is_told() {
    let (site, ours, theirs) = (Site::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (files, others) = (certificates(ours.path()), certificates(theirs.path()));
    let redis = Site::redis(RedisOptions { tls: Some(files.clone()), ..RedisOptions::default() });
    let ca = |path| format!("ca_file = {}\n", toml_path(path));
    let key = site.write("client.key", &std::fs::read_to_string(&others.key).unwrap());
    let client = format!("client_certificate = {}\nclient_key = {{ file = {} }}\n", toml_path(&others.certificate), toml_path(&key));
    for (url, lines, expected, why) in [
        (redis.url(), ca(&others.authority), &["TLS", "ca_file"][..], "another authority"),
        (redis.url(), ca(&files.key), &["ca_file", "no certificate"], "a key is no certificate"),
        (redis.url(), ca(&ours.path().join("missing.pem")), &["ca_file cannot be read"], "no such file"),
        (redis.url(), ca(&files.authority), &["no connection to Redis", "client_certificate"], "it wants a certificate of ours"),
        (redis.url(), ca(&files.authority) + &client, &["no connection to Redis", "client_certificate"], "of an authority it knows"),
        (format!("rediss://{}", redis.address()), ca(&files.authority), &["no connection to Redis", "TLS"], "it speaks no TLS there"),
        (
            format!("redis://127.0.0.1:{}", redis.tls_port()),
            String::new(),
            &["no connection to Redis", "rediss://"],
            "it speaks only TLS there",
        ),
    ] {
        let said = refused(&site.options("n1", &url, &lines));
        for part in expected {
            assert!(said.contains(part), "{why}: {part}: {said}");
        }
    }
}

#[test]
fn sentinels_that_refuse_us_are_told() {
    let site = Site::new();
    let servers = RedisOptions { users: vec![RedisOptions::documented_user(PASSWORD)], ..RedisOptions::default() };
    let options = TrioOptions { servers, sentinel_password: Some("password-of-sentinels".into()), replicas: 1, ..TrioOptions::default() };
    let trio = SentinelTrio::start(&options);
    let said = refused(&site.options("n1", &trio.url(), ""));
    assert!(said.contains("NOAUTH") && said.contains("sentinel_password"), "{said}");
}

#[test]
fn check_needs_neither_the_store_nor_a_secret() {
    let site = Site::new();
    let server = site.prepare("n1", &format!("rediss://{}", free_address()));
    for name in ["password", "encryption.key"] {
        std::fs::remove_file(site.secrets.path().join(name)).unwrap();
    }
    let (code, said) = server.command(&["check", "--strict"]);
    assert_eq!(code, Some(0), "{said}");
}
