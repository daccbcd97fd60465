//! Scripts: the only way anything is written.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{Cmd, Value};

/// A Lua script. Servers know it by its SHA-1 (EVALSHA), and are told it when they do not.
pub struct Script {
    code: &'static str,
    prepared: OnceLock<redis::Script>,
}

impl Script {
    /// Nothing is sent.
    #[must_use]
    pub const fn new(code: &'static str) -> Self {
        Self { code, prepared: OnceLock::new() }
    }

    fn sha(&self) -> &str {
        self.prepared.get_or_init(|| redis::Script::new(self.code)).get_hash()
    }

    pub(super) fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}

/// The code of a script that answers only on a master. With an error as Redis gives it for a write on a replica, so that the topology is
/// looked at again. (ROLE may not be called from scripts.)
macro_rules! on_master {
    ($($code:tt)+) => {
        concat!(
            "if not string.find(redis.call('INFO', 'replication'), 'role:master', 1, true) then \
             return redis.error_reply('READONLY not a master') end\n",
            $($code)+
        )
    };
}
pub(crate) use on_master;

/// The code of a script for [`super::RedisStore::shared_call`]: one that answers only on a master, and only while the store is that of the
/// node's deployment. `store init --accept-loss` begins another one in one step, and a node that has not noticed must not bring back what
/// that step cut off. A store without an id lost everything, and may be given back what a node holds.
macro_rules! in_deployment {
    ($code:literal) => {
        $crate::store::redis::on_master!(concat!(
            "local found, own = redis.call('GET', table.remove(KEYS, 1)), table.remove(ARGV, 1)\n\
             if found and found ~= own then return redis.error_reply('OTHERDEPLOYMENT ' .. found) end\n",
            $code
        ))
    };
}
pub(crate) use in_deployment;

/// One run of a script. All keys carry the same hash tag, the one the call is routed by.
pub struct Call {
    pub(super) script: &'static Script,
    command: Cmd,
}

impl Call {
    /// `keys` are complete: made by [`super::RedisStore::key`].
    #[must_use]
    pub fn new(script: &'static Script, keys: &[String]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.sha()).arg(keys.len());
        for key in keys {
            command.arg(key.as_bytes());
        }
        Self { script, command }
    }

    /// Appends an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.command.arg(argument.as_ref());
        self
    }

    /// Appends a text that nobody should find by looking through a dump or MONITOR: encoded, so that it does not look like what it is.
    /// [`decoded`] reads it.
    #[must_use]
    pub fn encoded(self, text: impl AsRef<[u8]>) -> Self {
        self.arg(URL_SAFE_NO_PAD.encode(text))
    }

    /// Appends a number in decimal.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.command.arg(number);
        self
    }

    pub(super) fn command(&self) -> &Cmd {
        &self.command
    }
}

/// A hash tag: keys that carry the same one live on the same server.
///
/// Spent tokens are spread over 256 tags, each with a fence of its own, so that a failover of one part of a cluster fences that part
/// only. Where there is one server, one tag is enough. Everything else shares [`Tag::STATE`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag(u16);

impl Tag {
    /// The tag of everything that is not a spent token.
    pub const STATE: Self = Self(256);
    /// One of the 256 tags of spent tokens.
    #[must_use]
    pub const fn spent(bucket: u8) -> Self {
        Self(bucket as u16)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=256).map(Self)
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn name(self) -> String {
        if self == Self::STATE { "state".to_owned() } else { format!("{:02x}", self.0) }
    }

    /// The slot that Redis Cluster puts this tag into: CRC-16/XMODEM modulo 16,384 (Redis Cluster specification, "Key distribution").
    pub(super) fn slot(self) -> u16 {
        let crc = self.name().bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 })
        });
        crc % 16_384
    }
}

/// The text in an answer that [`Call::encoded`] wrote.
#[must_use]
pub fn decoded(value: &Value) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text(value)?).ok()?).ok()
}

/// A number in an answer.
#[must_use]
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => text(value)?.parse().ok(),
    }
}

/// A text in an answer.
#[must_use]
pub fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::Okay => Some("OK"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_the_slot_that_redis_gives_it() {
        // `CLUSTER KEYSLOT {00}x` and so on, redis-server 7.0.15.
        for (tag, slot) in [(Tag::spent(0), 13_254), (Tag::spent(255), 11_756), (Tag::STATE, 12_053)] {
            assert_eq!(tag.slot(), slot, "{}", tag.name());
        }
    }
}
