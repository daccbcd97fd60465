//! Redis cannot keep what it is told.

use std::fs;

use super::SingleStage;
use crate::driver::Round;
use crate::support::{eventually, now};

/// 14. The memory of Redis is full.
///
/// With `noeviction` it refuses to write, so nothing is released: 503 `store_full`. Everything that needs no spend goes on, and exchanges do
/// when there is memory again. Nothing was forgotten: the fence stays.
pub(super) fn memory_is_full(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    let used: u64 = stage.redis.info("memory")["used_memory"].parse().unwrap();
    stage.redis.command(&["CONFIG", "SET", "maxmemory", &(used + 20_000).to_string()]);
    round.until_seen("unavailable: store_full");
    // No room at all, from here on.
    stage.redis.command(&["CONFIG", "SET", "maxmemory", &(used / 2).to_string()]);
    let full = now();
    round.load_for(3.0);
    let (asked, issued) = round.success(full, now());
    assert!(issued * 10 <= asked, "of {asked} clients {issued} got a token");
    let (asked, issued) = round.success_of_reusable(full, now());
    assert!(issued * 10 >= asked * 9, "issuers whose tokens are reusable need no store: {issued} of {asked}");
    for node in &stage.bench.nodes {
        for path in ["/livez", "/readyz", "/.well-known/openid-configuration"] {
            assert_eq!(node.client().get(path).unwrap().status, 200, "{path}");
        }
    }
    stage.redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    round.healed();
    round.fence_must_stay();
}

/// 15. Somebody changes `maxmemory-policy` under running nodes.
///
/// From now on Redis may drop spent tokens, and would not say so: every node notices within seconds, refuses, and names the setting.
pub(super) fn keys_may_be_evicted(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    stage.redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    for node in &stage.bench.nodes {
        eventually("it is degraded", || node.degraded().contains(&"store_misconfigured".to_owned()));
        let notes = node.admin("/readyz").json()["notes"].to_string();
        assert!(notes.contains("maxmemory-policy"), "the note names the setting: {notes}");
    }
    let noticed = now();
    round.load_for(3.0);
    let (asked, issued) = round.success(noticed, now());
    assert_eq!(issued, 0, "of {asked}");
    assert!(round.saw("unavailable: store_misconfigured") > 0);
    stage.redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    round.healed();
}

/// 15. Keys are evicted, and then the policy is `noeviction` again, faster than anybody looks.
///
/// The number of evictions is part of the fence's identity: it goes up, whoever is evicted.
pub(super) fn keys_were_evicted(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(6.0);
    let evicted = |stage: &SingleStage| stage.redis.info("stats")["evicted_keys"].parse::<u64>().unwrap();
    let before = evicted(stage);
    let used: u64 = stage.redis.info("memory")["used_memory"].parse().unwrap();
    stage.redis.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl", "maxmemory", &(used - 10_000).to_string()]);
    stage.redis.command(&["SET", "harness", "makes room"]);
    stage.redis.command(&["CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction"]);
    round.healed();
    assert!(evicted(stage) > before, "otherwise this scenario tests nothing");
    stage.redis.command(&["DEL", "harness"]);
    round.fence_must_go_up();
}

/// 21. The last snapshot could not be written, and Redis refuses to write (`MISCONF`).
///
/// 503 `store_misconfigured`, until the disk is well again. Nothing was forgotten: the fence stays.
pub(super) fn the_disk_is_full(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    // A folder that is not empty stands where the snapshot should be.
    fs::create_dir_all(stage.redis.dir().join("blocked.rdb/full")).unwrap();
    stage.redis.command(&["CONFIG", "SET", "dbfilename", "blocked.rdb", "save", "3600 1"]);
    stage.redis.command(&["BGSAVE"]);
    round.until_seen("unavailable: store_misconfigured");
    let refused = now();
    round.load_for(2.0);
    let (asked, issued) = round.success(refused, now());
    assert_eq!(issued, 0, "of {asked}");
    stage.redis.command(&["CONFIG", "SET", "dbfilename", "dump.rdb", "save", ""]);
    round.healed();
    round.fence_must_stay();
}

/// 23. The rights of our user are taken away under running nodes.
///
/// 503 `store_misconfigured`, until they are given back. Nothing was forgotten: the fence stays.
pub(super) fn rights_are_taken_away(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(2.0);
    for (taken, given, why) in
        [("-evalsha", "+evalsha", "no scripts"), ("-info", "+info", "no look at the history"), ("-set", "+set", "no record")]
    {
        stage.redis.command(&["ACL", "SETUSER", "cambist", taken]);
        let since = now();
        round.load_for(1.5);
        let (asked, issued) = round.success(since, now());
        assert_eq!(issued, 0, "{why}: of {asked}");
        stage.redis.command(&["ACL", "SETUSER", "cambist", given]);
    }
    assert!(round.saw("unavailable: store_misconfigured") > 0);
    round.healed();
    round.fence_must_stay();
}
