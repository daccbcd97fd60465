//! Records of opaque tokens as script calls. Beside spends, in the hash tag of their subject tokens: one script writes both.
//!
//! Nobody reads them by their fence: a record that was lost makes a token that nobody explains, and never one that is worth more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;

use crate::domain::Digest256;
use crate::release::issuance::OpaqueRecord;
use crate::store::StoreError;
use crate::store::redis::{Call, RedisStore, Script, Tag, integer, on_master};

/// Keeps a record by itself. Once more is as good as once: a record has one content.
static KEEP: Script = Script::new(on_master!(
    "local time = redis.call('TIME')
     local millis = math.floor(tonumber(time[2]) / 1000)
     redis.call('SET', KEYS[1], ARGV[1], 'PX', (tonumber(ARGV[2]) - tonumber(time[1])) * 1000 - millis)
     if redis.call('PTTL', KEYS[1]) < 1 then return 0 end
     return 1"
));

static FIND: Script = Script::new(on_master!("return redis.call('GET', KEYS[1])"));

/// Keeps the record of a token whose subject token leaves none.
pub(super) async fn keep(store: &RedisStore, record: &OpaqueRecord) -> Result<(), StoreError> {
    let tag = spent_tag(store, record.bucket);
    let key = [store.key(tag, &opaque_name(&record.name))];
    let make = |_| Call::new(&KEEP, &key).arg(&record.sealed).number(record.keep_until.unix());
    match integer(&store.call(tag, make).await?) {
        Some(1) => Ok(()),
        Some(0) => Err(StoreError::NotKept),
        _ => Err(store.unexpected(tag)),
    }
}

/// The sealed content of the record of that name.
pub(in crate::release::replay) async fn find(store: &RedisStore, bucket: u8, name: Digest256) -> Result<Option<Vec<u8>>, StoreError> {
    let tag = spent_tag(store, bucket);
    let key = [store.key(tag, &opaque_name(&name))];
    match store.call(tag, |_| Call::new(&FIND, &key)).await? {
        Value::Nil => Ok(None),
        Value::BulkString(sealed) => Ok(Some(sealed)),
        _ => Err(store.unexpected(tag)),
    }
}

/// The tag of that bucket: one of 256 in a cluster; where there is one server, there is one tag.
pub(super) fn spent_tag(store: &RedisStore, bucket: u8) -> Tag {
    Tag::spent(if store.buckets() == 1 { 0 } else { bucket })
}

/// 128 bits of the digest: enough that nobody finds a second handle of the same name.
pub(super) fn opaque_name(name: &Digest256) -> String {
    format!("opaque:{}", URL_SAFE_NO_PAD.encode(&name.as_bytes()[..16]))
}
