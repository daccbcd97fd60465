//! What a running server does while Redis is not as it should be.

use super::{Site, lower_the_fence, note, told};
use crate::processes::{jwks, kids_of};
use crate::servers::{ClockFile, RedisOptions, RedisServer, text};
use crate::support::{Answer, Server, eventually, free_address};

/// 503 for this reason, with a time to come back.
fn assert_unavailable(answer: &Answer, reason: &str, why: &str) {
    assert_eq!((answer.status.as_u16(), answer.reason()), (503, format!("unavailable: {reason}")), "{why}");
    assert!(matches!(answer.header("retry-after"), "1" | "2" | "3" | "4" | "5"), "{why}");
}

fn wait_until_degraded(server: &Server, expected: &[&str]) {
    eventually(&format!("degraded: {expected:?}"), || server.degraded() == expected);
}

/// As it was before; whatever fence went up meanwhile belongs to the past.
fn assert_mended(site: &Site, server: &Server, redis: &RedisServer, why: &str) {
    wait_until_degraded(server, &[]);
    lower_the_fence(redis);
    assert_eq!(server.exchange(&site.once.token()).status, 200, "{why}");
}

fn metric(server: &Server, line: &str) -> bool {
    server.admin("/metrics").text.lines().any(|found| found == line)
}

#[test]
fn while_redis_is_away_only_what_needs_no_memory_is_issued() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let server = site.first(&redis);
    let spent = site.once.token();
    assert_eq!(server.exchange(&spent).status, 200);
    for (round, why) in [(1, "killed"), (2, "it hangs")] {
        if round == 1 {
            redis.kill();
        } else {
            redis.stop_process();
        }
        wait_until_degraded(&server, &["store_unavailable"]);
        for _ in 0..5 {
            assert_unavailable(&server.exchange(&site.once.token()), "store_unavailable", why);
            assert_eq!(server.exchange(&site.reusable_token()).status, 200, "{why}");
        }
        assert!(note(&server, "store_unavailable").contains("127.0.0.1"), "{why}");
        assert!(server.process_log().contains(&redis.address()), "{why}: the log says which");
        assert_eq!(told(&server, "degraded", "store_unavailable"), round, "{why}: once, not for each request");
        if round == 1 {
            redis.restart();
        } else {
            redis.continue_process();
        }
        assert_mended(&site, &server, &redis, why);
        assert_eq!(server.exchange(&spent).reason(), "rejected: replayed", "{why}");
        assert_eq!(told(&server, "no longer degraded", "store_unavailable"), round, "{why}");
    }
    let metrics = server.admin("/metrics").text;
    for line in [
        "cambist_replay_total{outcome=\"store_unavailable\"} 10",
        "cambist_replay_duration_seconds_count{outcome=\"store_unavailable\"} 10",
        "cambist_replay_total{outcome=\"fresh\"} 3",
        "cambist_replay_total{outcome=\"replayed\"} 2",
        "cambist_degraded{reason=\"store_unavailable\"} 0",
        "cambist_fences_total 1",
        "cambist_store_connections{state=\"wanted\"} 2",
    ] {
        assert!(metric(&server, line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("cambist_store_retries_total 0\n"), "{metrics}");
}

#[test]
fn a_setting_that_is_changed_under_a_running_server_stops_what_spends() {
    let (site, clock, nobody) = (Site::new(), ClockFile::new(), free_address());
    let redis = Site::redis(RedisOptions { clock: Some(clock.clone()), ..RedisOptions::default() });
    let server = site.first(&redis);
    let master = nobody.replace(':', " ");
    for (spoil, mend, reason, says) in [
        ("CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory-policy noeviction", "store_misconfigured", "maxmemory-policy"),
        ("CONFIG SET maxmemory 100", "CONFIG SET maxmemory 0", "store_full", "raise maxmemory"),
        ("ACL SETUSER cambist -hset", "ACL SETUSER cambist +hset", "store_misconfigured", "docs/operations.md"),
        (&format!("REPLICAOF {master}"), "REPLICAOF NO ONE", "store_misconfigured", "is a replica"),
        ("clock 60", "clock 0", "clock_offset", "time synchronisation"),
        ("clock -60", "clock 0", "clock_offset", "time synchronisation"),
    ] {
        let act = |words: &str| match words.strip_prefix("clock ") {
            Some(offset) => clock.set_offset(offset.parse().unwrap()),
            None => drop(redis.command(&words.split(' ').collect::<Vec<_>>())),
        };
        act(spoil);
        wait_until_degraded(&server, &[reason]);
        assert!(note(&server, reason).contains(says), "{spoil}: {}", note(&server, reason));
        let token = site.once.token();
        assert_unavailable(&server.exchange(&token), reason, spoil);
        assert_eq!(server.decisions().last().unwrap()["reason"], reason, "{spoil}");
        assert_eq!(server.exchange(&site.reusable_token()).status, 200, "{spoil}");
        assert_eq!(server.client().get("/readyz").unwrap().status, 200, "{spoil}: `/token` answers for itself");
        act(mend);
        assert_mended(&site, &server, &redis, spoil);
    }
}

#[test]
fn what_redis_lost_is_written_back() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let server = site.first(&redis);
    server.until_signed();
    let spent = site.once.token();
    assert_eq!(server.exchange(&spent).status, 200);
    let get = |words: &str| text(&redis.command(&words.split(' ').collect::<Vec<_>>()));
    let kept = || {
        [
            get("GET cambist:{state}:v1:deployment"),
            get("HGET cambist:{state}:v1:issuer-bindings github"),
            get("HGET cambist:{state}:v1:log-heads n1"),
            get("HLEN cambist:{state}:v1:published-keys"),
        ]
    };
    eventually("everything is there", || kept().iter().all(|value| !value.is_empty()));
    let (before, keys) = (kept(), kids_of(&jwks(&server)));
    redis.command(&["FLUSHALL"]);
    eventually("everything is there again", || kept() == before);
    eventually("the key ring too", || get("HGET cambist:{state}:v1:key-ring version").parse().is_ok_and(|version: u64| version > 1));
    assert_eq!(kids_of(&jwks(&server)), keys);
    eventually("it issues again", || {
        let reason = server.exchange(&spent).reason();
        assert!(["rejected: fenced", "unavailable: signing_unavailable"].contains(&&*reason), "{reason}");
        reason == "rejected: fenced"
    });
    assert_mended(&site, &server, &redis, "FLUSHALL");
    let (code, said) = server.command(&["log", "verify"]);
    assert!(code == Some(0) && said.contains("\nclean"), "{said}");
}
