//! The deployment id, at its key.

use redis::Value;

use super::engine::Engine;
use super::fault::RedisFault;
use super::script::{Call, Script, Tag, on_master, text};
use crate::store::DeploymentId;

/// The id that is there; with an argument, that one is written where none is. Second: whether it was written now.
static READ: Script = Script::new(on_master!(
    "local id = redis.call('GET', KEYS[1])
     if id then return {id, 0} end
     if not ARGV[1] then return {'', 0} end
     redis.call('SET', KEYS[1], ARGV[1])
     return {ARGV[1], 1}"
));

/// Puts the id in place of whatever is there, and in the same step empties the hashes at all other keys: from then on no node of the
/// history before can write them back.
static REPLACE: Script = Script::new(on_master!(
    "redis.call('SET', KEYS[1], ARGV[1])
     for i = 2, #KEYS do
       local fields = redis.call('HGETALL', KEYS[i])
       for j = 1, #fields, 2 do redis.call('HDEL', KEYS[i], fields[j]) end
     end
     return 1"
));

/// What was found, and whether it was written just now.
pub(super) async fn read(engine: &Engine, or_write: Option<&DeploymentId>) -> Result<(Option<DeploymentId>, bool), RedisFault> {
    let keys = [key(engine)];
    let make = |_| {
        let call = Call::new(&READ, &keys);
        or_write.iter().fold(call, |call, id| call.arg(id.as_str()))
    };
    let (server, answer) = engine.call(Tag::STATE, make).await?;
    match &answer {
        Value::Array(parts) => match &**parts {
            [id, written] => {
                let id = text(id).ok_or(RedisFault::Unexpected { server })?;
                let found = (!id.is_empty()).then(|| DeploymentId::found(id));
                Ok((found, *written == Value::Int(1)))
            }
            _ => Err(RedisFault::Unexpected { server }),
        },
        _ => Err(RedisFault::Unexpected { server }),
    }
}

/// A new id in place of whatever is there; the hashes of these names, kept under the tag of the state, are emptied with it.
pub(super) async fn replace(engine: &Engine, emptied: &[&str]) -> Result<DeploymentId, RedisFault> {
    let id = DeploymentId::random();
    let mut keys = vec![key(engine)];
    keys.extend(emptied.iter().map(|name| engine.key(Tag::STATE, name)));
    engine.call(Tag::STATE, |_| Call::new(&REPLACE, &keys).arg(id.as_str())).await?;
    Ok(id)
}

/// Where the id stands.
pub(super) fn key(engine: &Engine) -> String {
    engine.key(Tag::STATE, "deployment")
}
