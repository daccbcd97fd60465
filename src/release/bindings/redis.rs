//! The bindings in Redis: one hash, from name to URL.

use redis::Value;

use crate::domain::{IssuerName, IssuerUrl};
use crate::store::StoreError;
use crate::store::redis::{RedisStore, Script, Tag, in_deployment, text};

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
pub(super) async fn bind_all(store: &RedisStore, issuers: &[(IssuerName, IssuerUrl)]) -> Result<Vec<String>, StoreError> {
    let make = |_| {
        issuers.iter().fold(store.shared_call(&BIND, &["issuer-bindings"]), |call, (name, url)| call.arg(name.as_str()).arg(url.as_str()))
    };
    let Value::Array(bound) = store.call(Tag::STATE, make).await? else { return Err(store.unexpected(Tag::STATE)) };
    let bound: Vec<_> = bound.iter().filter_map(|url| text(url).map(str::to_owned)).collect();
    if bound.len() == issuers.len() { Ok(bound) } else { Err(store.unexpected(Tag::STATE)) }
}
