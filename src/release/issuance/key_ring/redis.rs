//! Our keys in Redis: one hash for the ring, one for the history of public keys.
//!
//! What is stored is encoded once more, so that whoever looks through a dump or MONITOR for tokens and keys finds nothing that looks
//! like one.

use redis::Value;
use serde_json::{Value as Json, json};

use crate::domain::Timestamp;
use crate::store::redis::{Call, RedisStore, Script, Tag, decoded, in_deployment, text};
use crate::store::{DeploymentId, StoreError};
use crate::token::Algorithm;

use super::kept::StoredRing;
use super::published::PublishedKey;

static READ: Script = Script::new(in_deployment!("return redis.call('HMGET', KEYS[1], 'version', 'wrapped')"));

/// ARGV: expected version and ring (empty: none), new version and ring, then pairs of a `kid` and its key. Running twice is as good as
/// once: what is new already stands there, and that counts as done.
static REPLACE: Script = Script::new(in_deployment!(
    "local stored = redis.call('HMGET', KEYS[1], 'version', 'wrapped')
     local version, wrapped = stored[1] or '', stored[2] or ''
     if version == ARGV[3] and wrapped == ARGV[4] then return 1 end
     if version ~= ARGV[1] or wrapped ~= ARGV[2] then return 0 end
     redis.call('HSET', KEYS[1], 'version', ARGV[3], 'wrapped', ARGV[4])
     for i = 5, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
     return 1"
));

static HISTORY: Script = Script::new("return redis.call('HGETALL', KEYS[1])");

pub(super) fn read(store: &RedisStore) -> Result<Option<StoredRing>, StoreError> {
    let Value::Array(fields) = store.call_blocking(Tag::STATE, |_| store.shared_call(&READ, &[RING]))? else {
        return Err(store.unexpected(Tag::STATE));
    };
    match &*fields {
        [Value::Nil, Value::Nil] => Ok(None),
        [version, wrapped] => ring(version, wrapped).map(Some).ok_or_else(|| store.unexpected(Tag::STATE)),
        _ => Err(store.unexpected(Tag::STATE)),
    }
}

fn ring(version: &Value, wrapped: &Value) -> Option<StoredRing> {
    Some(StoredRing { version: text(version)?.parse().ok()?, wrapped: decoded(wrapped)?.into() })
}

pub(super) fn replace(
    store: &RedisStore,
    expected: Option<&StoredRing>,
    new: &StoredRing,
    keys: &[PublishedKey],
) -> Result<bool, StoreError> {
    let ring = |call: Call, ring: &StoredRing| call.number(ring.version).encoded(&*ring.wrapped);
    let make = |_| {
        let call = store.shared_call(&REPLACE, &[RING, PUBLISHED]);
        let call = match expected {
            Some(expected) => ring(call, expected),
            None => call.arg("").arg(""),
        };
        keys.iter().fold(ring(call, new), |call, key| call.arg(&*key.kid).encoded(published(key)))
    };
    Ok(store.call_blocking(Tag::STATE, make)? == Value::Int(1))
}

pub(super) fn history(store: &RedisStore) -> Result<Vec<PublishedKey>, StoreError> {
    let names = [store.key(Tag::STATE, PUBLISHED)];
    let Value::Array(fields) = store.call_blocking(Tag::STATE, |_| Call::new(&HISTORY, &names))? else {
        return Err(store.unexpected(Tag::STATE));
    };
    let mut keys: Vec<_> = fields.chunks_exact(2).filter_map(|pair| parse(text(&pair[0])?, &decoded(&pair[1])?)).collect();
    keys.sort_by(|a, b| (a.first_published, &a.kid).cmp(&(b.first_published, &b.kid)));
    Ok(keys)
}

/// Begins a new history of the whole store, in which there is no ring.
pub(super) async fn begin_anew(store: &RedisStore) -> Result<DeploymentId, StoreError> {
    store.begin_anew(&[RING]).await
}

fn published(key: &PublishedKey) -> String {
    json!({"alg": key.algorithm.name(), "first_published": key.first_published.unix(), "jwk": &*key.jwk}).to_string()
}

/// `None` for an algorithm that only a later cambist knows.
fn parse(kid: &str, document: &str) -> Option<PublishedKey> {
    let document: Json = serde_json::from_str(document).ok()?;
    Some(PublishedKey {
        algorithm: Algorithm::from_name(document["alg"].as_str()?)?,
        first_published: Timestamp::from_unix(document["first_published"].as_u64()?),
        jwk: document["jwk"].as_str()?.into(),
        kid: kid.into(),
    })
}

const RING: &str = "key-ring";
const PUBLISHED: &str = "published-keys";
