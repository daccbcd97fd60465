//! The bindings in Redis: one hash, from name to URL.

use redis::Value;

use crate::domain::{IssuerName, IssuerUrl};
use crate::store::StoreError;
use crate::store::redis::{Call, RedisStore, Script, Tag, on_master, text};

/// Binds all pairs, or none. Answers with the URL that each pair's name stands for.
static BIND: Script = Script::new(on_master!(
    "local bound, free = {}, true
     for i = 1, #ARGV, 2 do
       local url = redis.call('HGET', KEYS[1], ARGV[i])
       for j = 1, i - 1, 2 do
         if not url and ARGV[j] == ARGV[i] then url = ARGV[j + 1] end
       end
       bound[#bound + 1] = url or ARGV[i + 1]
       free = free and bound[#bound] == ARGV[i + 1]
     end
     if free then
       for i = 1, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
     end
     return bound"
));

/// The URL that each name stands for; nothing was written when one differs from the one given.
pub(super) async fn bind_all(store: &RedisStore, issuers: &[(IssuerName, IssuerUrl)]) -> Result<Vec<String>, StoreError> {
    let keys = [store.key(Tag::STATE, "issuer-bindings")];
    let make = |_| issuers.iter().fold(Call::new(&BIND, &keys), |call, (name, url)| call.arg(name.as_str()).arg(url.as_str()));
    let Value::Array(bound) = store.call(Tag::STATE, make).await? else { return Err(store.unexpected(Tag::STATE)) };
    let bound: Vec<_> = bound.iter().filter_map(|url| text(url).map(str::to_owned)).collect();
    if bound.len() == issuers.len() { Ok(bound) } else { Err(store.unexpected(Tag::STATE)) }
}
