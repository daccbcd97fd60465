//! The state in Redis: a hash of texts by id, which also holds the highest number; the order of the ids by their numbers; when they end;
//! a hash of what nodes last said.
//!
//! Texts and names are encoded: whoever looks through a dump or MONITOR finds nothing of what was revoked.

use redis::Value;

use crate::domain::Seconds;
use crate::store::StoreError;
use crate::store::redis::{Call, Listener, RedisStore, Script, Tag, decoded, in_deployment, integer, text};

use super::{Addition, Confirmation, Confirmations, FORGOTTEN_AT_ONCE, Look, PAGE};

/// ARGV: since, witness (or empty) and its number, page, node (or empty) and `max_stale`. Answers `{0}` when the history is another, else 1
/// and then number, id and text of each change.
static LOOK: Script = Script::new(in_deployment!(
    "local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
     if version < tonumber(ARGV[1]) then return {0} end
     if ARGV[2] ~= '' then
       local found = redis.call('ZSCORE', KEYS[2], ARGV[2])
       if not found or tonumber(found) ~= tonumber(ARGV[3]) then return {0} end
     end
     if ARGV[5] ~= '' then
       local time = redis.call('TIME')
       local millis = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
       redis.call('HSETNX', KEYS[4], '.', millis)
       redis.call('HSET', KEYS[4], ARGV[5], ARGV[1] .. ' ' .. millis .. ' ' .. ARGV[6])
     end
     local answer = {1}
     if version > tonumber(ARGV[1]) then
       local found = redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[4]), 'WITHSCORES')
       for i = 1, #found, 2 do
         answer[#answer + 1] = found[i + 1]
         answer[#answer + 1] = found[i]
         answer[#answer + 1] = redis.call('HGET', KEYS[1], found[i])
       end
     end
     return answer"
));

/// ARGV: floor, how many to forget, then id, end and text of each. Answers with the number of the last of them.
///
/// Telling the nodes may be forbidden; they look anyway.
static ADD: Script = Script::new(in_deployment!(
    "local before = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
     local version, last = math.max(before, tonumber(ARGV[1])), 0
     for i = 3, #ARGV, 3 do
       local id, number = ARGV[i], nil
       local found = redis.call('ZSCORE', KEYS[2], id)
       if found then
         number = tonumber(found)
       else
         version = version + 1
         number = version
         redis.call('HSET', KEYS[1], id, ARGV[i + 2])
         redis.call('ZADD', KEYS[2], version, id)
         if ARGV[i + 1] ~= '0' then redis.call('ZADD', KEYS[3], ARGV[i + 1], id) end
       end
       if number > last then last = number end
     end
     local over = redis.call('ZRANGE', KEYS[3], '-inf', redis.call('TIME')[1], 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[2]))
     for _, id in ipairs(over) do
       redis.call('HDEL', KEYS[1], id)
       redis.call('ZREM', KEYS[2], id)
       redis.call('ZREM', KEYS[3], id)
     end
     if version ~= before then
       redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version))
       redis.pcall('PUBLISH', KEYS[1], string.format('%.0f', version))
     end
     return last"
));

/// Under `.`, which no encoded name is, stands since when nodes are known.
static NODES: Script = Script::new(in_deployment!(
    "local time = redis.call('TIME')
     local millis = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
     redis.call('HSETNX', KEYS[1], '.', millis)
     return {millis, redis.call('HGETALL', KEYS[1])}"
));

static BEGIN: Script = Script::new(in_deployment!("return redis.call('HSETNX', KEYS[1], '.', '0')"));

static LEAVE: Script = Script::new(in_deployment!("return redis.call('HDEL', KEYS[1], ARGV[1])"));

/// `None` when the history is another.
pub(super) async fn look(store: &RedisStore, look: &Look) -> Result<Option<Vec<super::Row>>, StoreError> {
    let make = |_| {
        let call = store.shared_call(&LOOK, &ALL).number(look.since);
        let call = match &look.witness {
            Some((id, version)) => call.arg(id.as_str()).number(*version),
            None => call.arg("").number(0),
        };
        let call = call.number(u64::from(PAGE));
        match &look.node {
            Some(node) => call.encoded(&**node),
            None => call.arg(""),
        }
        .number(look.max_stale.0)
    };
    let unexpected = || store.unexpected(Tag::STATE);
    let Value::Array(parts) = store.call(Tag::STATE, make).await? else { return Err(unexpected()) };
    match parts.split_first() {
        Some((Value::Int(0), [])) => Ok(None),
        Some((Value::Int(1), rows)) => {
            let (rows, rest) = rows.as_chunks::<3>();
            let rows: Option<Vec<_>> = rows.iter().map(row).collect();
            rows.filter(|_| rest.is_empty()).map(Some).ok_or_else(unexpected)
        }
        _ => Err(unexpected()),
    }
}

fn row([version, id, change]: &[Value; 3]) -> Option<super::Row> {
    Some((u64::try_from(integer(version)?).ok()?, text(id)?.to_owned(), decoded(change)?))
}

/// The number of the last of these changes, added now or before.
pub(super) async fn add(store: &RedisStore, rows: &[Addition], floor: u64) -> Result<u64, StoreError> {
    let make = |_| {
        let call = store.shared_call(&ADD, &ALL[..3]).number(floor).number(u64::from(FORGOTTEN_AT_ONCE));
        rows.iter().fold(call, |call, row| call.arg(&row.id).number(row.ends).encoded(&row.text))
    };
    let last = store.call(Tag::STATE, make).await?;
    integer(&last).and_then(|last| u64::try_from(last).ok()).ok_or_else(|| store.unexpected(Tag::STATE))
}

/// Nobody was there before: the store is new.
pub(super) async fn begin(store: &RedisStore) -> Result<(), StoreError> {
    store.call(Tag::STATE, |_| store.shared_call(&BEGIN, &ALL[3..])).await.map(drop)
}

pub(super) async fn confirmations(store: &RedisStore) -> Result<Confirmations, StoreError> {
    let answer = store.call(Tag::STATE, |_| store.shared_call(&NODES, &ALL[3..])).await?;
    read_confirmations(&answer).ok_or_else(|| store.unexpected(Tag::STATE))
}

fn read_confirmations(answer: &Value) -> Option<Confirmations> {
    let Value::Array(parts) = answer else { return None };
    let [now, Value::Array(fields)] = &**parts else { return None };
    let (mut since_millis, mut nodes) = (None, Vec::new());
    for [node, said] in fields.as_chunks::<2>().0 {
        let mut numbers = text(said)?.split(' ').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        if text(node)? == "." {
            since_millis = next();
            continue;
        }
        nodes.push(Confirmation { node: decoded(node)?.into(), version: next()?, at_millis: next()?, max_stale: Seconds(next()?) });
    }
    Some(Confirmations { now_millis: u64::try_from(integer(now)?).ok()?, since_millis: since_millis?, nodes })
}

pub(super) async fn leave(store: &RedisStore, node: &str) -> Result<(), StoreError> {
    let make = |_: u64| -> Call { store.shared_call(&LEAVE, &ALL[3..]).encoded(node) };
    store.call(Tag::STATE, make).await.map(drop)
}

/// Begins to hear of additions: `heard` is called for each, and whenever one may have been missed.
pub(super) fn listen(store: &RedisStore, heard: impl Fn() + Send + Sync + 'static) -> Listener {
    store.listen(Tag::STATE, ALL[0], heard)
}

/// Texts and the highest number, which is also the channel; order; ends; nodes.
const ALL: [&str; 4] = ["revocations", "revocation-order", "revocation-ends", "revocation-nodes"];
