//! The bindings in Redis: one hash, from name to URL.
//!
//! The URLs are claims of tokens, so they are encoded: whoever looks through a dump or MONITOR for what tokens say finds nothing of it.

use redis::Value;

use crate::domain::{IssuerId, IssuerName};
use crate::store::StoreError;
use crate::store::redis::{RedisStore, Script, Tag, decoded, in_deployment};

/// Binds all pairs, or none. Answers with the URL that each pair's name stands for.
static BIND: Script = Script::new(in_deployment!(
    "local bound, free, new = {}, true, {}
     for i = 1, #ARGV, 2 do
       local url = redis.call('HGET', KEYS[1], ARGV[i]) or new[ARGV[i]]
       if not url then
         url = ARGV[i + 1]
         new[ARGV[i]] = url
       end
       bound[#bound + 1] = url
       free = free and url == ARGV[i + 1]
     end
     if free then
       for name, url in pairs(new) do redis.call('HSETNX', KEYS[1], name, url) end
     end
     return bound"
));

/// The URL that each name stands for; nothing was written when one differs from the one given.
pub(super) async fn bind_all(store: &RedisStore, issuers: &[(IssuerName, IssuerId)]) -> Result<Vec<String>, StoreError> {
    let make = |_| {
        let call = store.shared_call(&BIND, &["issuer-bindings"]);
        issuers.iter().fold(call, |call, (name, url)| call.arg(name.as_str()).encoded(url.as_str()))
    };
    let Value::Array(bound) = store.call(Tag::STATE, make).await? else { return Err(store.unexpected(Tag::STATE)) };
    let bound: Vec<_> = bound.iter().filter_map(decoded).collect();
    if bound.len() == issuers.len() { Ok(bound) } else { Err(store.unexpected(Tag::STATE)) }
}
