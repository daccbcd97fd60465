//! Heads in Redis: one hash, from node to `seq head time`.

use redis::Value;

use crate::domain::Digest256;
use crate::store::StoreError;
use crate::store::redis::{Call, RedisStore, Script, Tag, in_deployment, text};

use crate::release::record::Head;

/// Keeps the head unless a later one is there. One that is there already is not written again: nodes bring theirs each second.
static SAVE: Script = Script::new(in_deployment!(
    "local kept, head = redis.call('HGET', KEYS[1], ARGV[1]), ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
     if not kept or kept ~= head and tonumber(string.match(kept, '^%d+')) <= tonumber(ARGV[2]) then
       redis.call('HSET', KEYS[1], ARGV[1], head)
     end
     return 1"
));

static LOAD: Script = Script::new("return redis.call('HGET', KEYS[1], ARGV[1])");

pub(super) async fn save(store: &RedisStore, node: &str, head: &Head) -> Result<(), StoreError> {
    let digest = head.digest.to_string();
    let make = |_| store.shared_call(&SAVE, &[KEY]).arg(node).number(head.seq).arg(&digest).number(head.unix_millis);
    store.call(Tag::STATE, make).await.map(drop)
}

pub(super) async fn load(store: &RedisStore, node: &str) -> Result<Option<Head>, StoreError> {
    let keys = [store.key(Tag::STATE, KEY)];
    match store.call(Tag::STATE, |_| Call::new(&LOAD, &keys).arg(node)).await? {
        Value::Nil => Ok(None),
        found => text(&found).and_then(parse).map(Some).ok_or_else(|| store.unexpected(Tag::STATE)),
    }
}

fn parse(text: &str) -> Option<Head> {
    let mut parts = text.split(' ');
    let (seq, digest, time) = (parts.next()?.parse().ok()?, Digest256::from_hex(parts.next()?)?, parts.next()?.parse().ok()?);
    Some(Head { seq, digest, unix_millis: time })
}

const KEY: &str = "log-heads";
