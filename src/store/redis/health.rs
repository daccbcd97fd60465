//! Is a server fit to remember spent tokens?

use std::collections::HashMap;

use redis::{Value, cmd};
use tokio::time::Instant;

use super::connection::Link;
use super::engine::ATTEMPT;
use super::fault::RedisFault;
use super::script::{Script, text};

/// Looks at role, version and eviction policy.
pub(super) async fn look(link: &Link, of_cluster: bool) -> Result<(), RedisFault> {
    let mut question = cmd("INFO");
    question.arg("server").arg("memory").arg("replication");
    let answer = link.send(1, &question, Instant::now() + ATTEMPT).await?;
    let server = || link.address().clone();
    let Some(answer) = text(&answer) else { return Err(RedisFault::Unexpected { server: server() }) };
    let fields: HashMap<&str, &str> = answer.lines().filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    // Valkey answers with the version of Redis that it is compatible with; it is a server of this kind from its first version on.
    let version = field("redis_version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < OLDEST) {
        return Err(RedisFault::Old { server: server(), found: super::fault::clip(version) });
    }
    if (field("redis_mode") == "cluster") != of_cluster {
        return Err(RedisFault::Mode { server: server(), found: super::fault::clip(field("redis_mode")) });
    }
    if field("role") != "master" {
        return Err(RedisFault::NotMaster { server: server() });
    }
    match field("maxmemory_policy") {
        "noeviction" => Ok(()),
        policy => Err(RedisFault::Evicts { server: server(), policy: super::fault::clip(policy) }),
    }
}

/// Writes and reads a key: whether we may, and whether it can. It outlives the time between two looks, so that the number of keys does not
/// flicker: whoever counts them counts spent tokens.
pub(super) static WRITES: Script = Script::new(
    "redis.call('SET', KEYS[1], '1', 'PX', 60000)
     return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}",
);

/// The same with every other command that any script of ours may come to need: a permission that is missing shows at the start, by the
/// name of its command, and not on the day of a rotation. A hash without fields does not exist, so that nothing stays behind.
pub(super) static EVERY_COMMAND: Script = Script::new(
    "local function run(...)
       local answer = redis.pcall(...)
       if type(answer) ~= 'table' or not answer.err then return answer end
       if string.find(answer.err, 'run this command', 1, true) then answer = redis.error_reply('NOPERM no right to run ' .. ({...})[1]) end
       error(answer)
     end
     run('TIME')
     run('INFO', 'replication', 'stats')
     run('HSET', KEYS[2], 'a', '1')
     run('HSETNX', KEYS[2], 'b', '1')
     run('HGET', KEYS[2], 'a')
     run('HMGET', KEYS[2], 'a', 'b')
     run('HGETALL', KEYS[2])
     run('HDEL', KEYS[2], 'a', 'b')
     run('ZADD', KEYS[3], 1, 'a')
     run('ZSCORE', KEYS[3], 'a')
     run('ZRANGE', KEYS[3], '-inf', '+inf', 'BYSCORE')
     run('ZREM', KEYS[3], 'a')
     run('SET', KEYS[1], '1', 'PX', 60000)
     return {run('GET', KEYS[1]), run('PTTL', KEYS[1])}",
);

/// Whether the probe's answer shows that what is written stays for a while.
pub(super) fn kept(answer: &Value) -> bool {
    matches!(answer, Value::Array(parts) if matches!(&**parts, [Value::BulkString(one), Value::Int(1..)] if one == b"1"))
}

/// The first major version whose scripts may ask for several sections of INFO at once.
const OLDEST: u32 = 7;
