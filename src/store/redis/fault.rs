//! Why Redis gives no trustworthy answer, in sentences for administrators. Every variant fails closed.

use redis::{ErrorKind, RedisError};

use super::settings::Address;
use crate::store::StoreTrouble;

/// Why a call to Redis has no trustworthy answer. What was sent may have been executed nevertheless, unless the variant says otherwise.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisFault {
    /// The deployment id is that of another history than ours. Nothing was written.
    #[error("Redis at {server} holds another deployment ({found})")]
    AnotherDeployment {
        /// Which.
        server: Address,
        /// The id that is there.
        found: Box<str>,
    },
    /// The connection broke after something was sent, or said what is no answer.
    #[error("the connection to Redis at {server} broke: {cause}")]
    Broken {
        /// Which.
        server: Address,
        /// What the operating system or the parser says.
        cause: Box<str>,
    },
    /// No connection. Nothing was sent.
    #[error("no connection to Redis at {server}: {cause}")]
    Connect {
        /// Which.
        server: Address,
        /// Why.
        cause: Box<str>,
    },
    /// A task of ours ended before its answer came.
    #[error("the call to Redis ended early: {cause}")]
    Ended {
        /// Why.
        cause: Box<str>,
    },
    /// The server may drop keys to make room, and with them the memory of spent tokens.
    #[error(
        "Redis at {server} has `maxmemory-policy {policy}`: it may forget spent tokens. Run `CONFIG SET maxmemory-policy noeviction` there, \
         and set it in its configuration file"
    )]
    Evicts {
        /// Which.
        server: Address,
        /// Its policy.
        policy: Box<str>,
    },
    /// It is a node of a cluster and was named as a server of its own, or the other way round.
    #[error(
        "Redis at {server} runs in mode `{found}`: [store] url must begin with redis+cluster:// for a cluster, and must not for anything else"
    )]
    Mode {
        /// Which.
        server: Address,
        /// What it says of itself.
        found: Box<str>,
    },
    /// No majority has confirmed who the master is for as long as that may be believed. Nothing was sent.
    #[error("no master of Redis is confirmed: {found}. Look at the Sentinels or at CLUSTER NODES, and at the network to them")]
    NoLease {
        /// What was seen instead.
        found: Box<str>,
    },
    /// There is no deployment id: the store is new, or lost everything.
    #[error(
        "Redis at {place} holds no cambist store (no deployment id). On first use run `cambist store init`. If it was in use, its data is \
         lost: restore a backup, or run `cambist store init --accept-loss`, which refuses everything issued before"
    )]
    NotInitialised {
        /// The servers.
        place: String,
    },
    /// It is a replica.
    #[error("Redis at {server} is a replica; [store] url must name the master, or use redis+sentinel:// or redis+cluster://")]
    NotMaster {
        /// Which.
        server: Address,
    },
    /// It is too old.
    #[error("Redis at {server} has version {found}; 7.0 or later is needed")]
    Old {
        /// Which.
        server: Address,
        /// Its version.
        found: Box<str>,
    },
    /// The server answered with an error.
    #[error("Redis at {server} refused ({refusal}): {}. {}", text, refusal.advice())]
    Refused {
        /// Which.
        server: Address,
        /// Its kind.
        refusal: Refusal,
        /// What it said.
        text: Box<str>,
    },
    /// A password or key of ours cannot be had.
    #[error("{cause}")]
    Secret {
        /// Why; holds none of it.
        cause: Box<str>,
    },
    /// No answer in time.
    #[error("no answer from Redis at {server} in time")]
    Timeout {
        /// Which.
        server: Address,
    },
    /// An answer that no script of ours gives.
    #[error("Redis at {server} gave an unexpected answer; is it really Redis, and is every node of cambist of the same version?")]
    Unexpected {
        /// Which.
        server: Address,
    },
}

/// What kind of error a server answered with. Nothing was written, in all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// `WRONGPASS`, `NOAUTH`, `NOPERM`, and scripts that may not run a command.
    Access,
    /// `CLUSTERDOWN`.
    ClusterDown,
    /// `OOM`.
    Full,
    /// `LOADING`, `BUSY`.
    Loading,
    /// `MASTERDOWN`.
    MasterDown,
    /// `MISCONF`.
    Misconf,
    /// `MOVED`, `ASK`, `TRYAGAIN`: the slot belongs to another server, or is on its way.
    Moved,
    /// `NOREPLICAS`.
    NoReplicas,
    /// `NOSCRIPT`.
    NoScript,
    /// Any other error.
    Other,
    /// `READONLY`.
    ReadOnly,
    /// `WRONGTYPE`: something else stands at one of our keys.
    WrongType,
}

impl Refusal {
    fn of(code: &str, text: &str) -> Self {
        match code {
            "WRONGPASS" | "NOAUTH" | "NOPERM" => Self::Access,
            "CLUSTERDOWN" => Self::ClusterDown,
            "OOM" => Self::Full,
            "LOADING" | "BUSY" => Self::Loading,
            "MASTERDOWN" => Self::MasterDown,
            "MISCONF" => Self::Misconf,
            "MOVED" | "ASK" | "TRYAGAIN" => Self::Moved,
            "NOREPLICAS" => Self::NoReplicas,
            "NOSCRIPT" => Self::NoScript,
            "READONLY" => Self::ReadOnly,
            "WRONGTYPE" => Self::WrongType,
            _ if ["can't run this command", "can't access at least one of the keys", "no permissions"]
                .iter()
                .any(|words| text.contains(words)) =>
            {
                Self::Access
            }
            _ => Self::Other,
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Access => "Compare username, password and prefix in [store], and the rights of that ACL user, with docs/operations.md",
            Self::ClusterDown => "The cluster serves no slot, or not this one: look at CLUSTER INFO",
            Self::Full => "Its memory is full: raise maxmemory",
            Self::Loading => "It is starting or busy: wait, or look for a script that runs for long",
            Self::MasterDown => "It has lost its master: look at the replication",
            Self::Misconf => "It cannot write its files: look at its disk and its log",
            Self::Moved => "The slot is moving to another server: nothing to do, unless it lasts",
            Self::NoReplicas => "Fewer replicas follow than min-replicas-to-write demands: bring them back",
            Self::NoScript => "It forgets scripts at once: does somebody run SCRIPT FLUSH all the time?",
            Self::Other => "Look at its log",
            Self::ReadOnly => "It is a replica: [store] url must name the master, or use redis+sentinel:// or redis+cluster://",
            Self::WrongType => "Another program uses keys with our prefix: give cambist a prefix or a database of its own",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::ClusterDown => "cluster down",
            Self::Full => "full",
            Self::Loading => "loading",
            Self::MasterDown => "master down",
            Self::Misconf => "misconf",
            Self::Moved => "slot moved",
            Self::NoReplicas => "no replicas",
            Self::NoScript => "no script",
            Self::Other => "error",
            Self::ReadOnly => "read-only",
            Self::WrongType => "wrong type",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl RedisFault {
    /// What `error`, from a connection to `server`, means.
    pub(super) fn of(server: &Address, error: &RedisError) -> Self {
        let server = server.clone();
        let text = error.detail().unwrap_or_default();
        match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) => {
                Self::Refused { server, refusal: Refusal::Access, text: clip(error.to_string().trim_end_matches('.')) }
            }
            (_, Some("OTHERDEPLOYMENT")) => Self::AnotherDeployment { server, found: clip(text) },
            (_, Some(code)) => {
                Self::Refused { server, refusal: Refusal::of(code, text), text: clip(format!("{code} {text}").trim_end_matches('.')) }
            }
            _ => Self::Broken { server, cause: clip(&error.to_string()) },
        }
    }

    /// Which kind of trouble it is, for callers and alerts.
    #[must_use]
    pub const fn trouble(&self) -> StoreTrouble {
        match self {
            Self::Refused { refusal: Refusal::Full, .. } => StoreTrouble::Full,
            Self::Evicts { .. }
            | Self::Mode { .. }
            | Self::NotMaster { .. }
            | Self::Old { .. }
            | Self::Secret { .. }
            | Self::Refused { refusal: Refusal::Access | Refusal::Misconf | Refusal::ReadOnly | Refusal::WrongType, .. } => {
                StoreTrouble::Misconfigured
            }
            _ => StoreTrouble::Unavailable,
        }
    }

    /// Whether the same call, with the same nonce, may do better on another connection or after another look at the topology.
    pub(super) const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. }
                | Self::Connect { .. }
                | Self::NoLease { .. }
                | Self::NotMaster { .. }
                | Self::Timeout { .. }
                | Self::Refused { refusal: Refusal::Moved | Refusal::ReadOnly | Refusal::ClusterDown, .. }
        )
    }

    /// Whether the fault says that another server should have been asked.
    pub(super) const fn is_of_topology(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::NoLease { .. }
                | Self::NotMaster { .. }
                | Self::Refused { refusal: Refusal::Moved | Refusal::ReadOnly | Refusal::ClusterDown | Refusal::MasterDown, .. }
        )
    }

    /// Whether the connection is of no more use.
    pub(super) const fn breaks(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Timeout { .. })
    }
}

/// A server's sentence, short and without control characters. Our scripts put no argument into an error.
pub(super) fn clip(text: &str) -> Box<str> {
    text.chars().filter(|character| !character.is_control()).take(LONGEST).collect::<String>().into()
}

const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_redis_has_its_reason_and_whether_to_try_again() {
        for (code, reason, again, why) in [
            ("OOM", "store_full", false, "memory does not come back at once"),
            ("READONLY", "store_misconfigured", true, "a failover: the topology is looked at again"),
            ("MISCONF", "store_misconfigured", false, "a disk"),
            ("NOPERM", "store_misconfigured", false, "an ACL"),
            ("NOAUTH", "store_misconfigured", false, "an ACL"),
            ("WRONGTYPE", "store_misconfigured", false, "somebody else's key"),
            ("MOVED", "store_unavailable", true, "another server has the slot"),
            ("ASK", "store_unavailable", true, "the slot is moving"),
            ("TRYAGAIN", "store_unavailable", true, "the slot is moving"),
            ("CLUSTERDOWN", "store_unavailable", true, "a failover"),
            ("MASTERDOWN", "store_unavailable", false, "replication"),
            ("LOADING", "store_unavailable", false, "it starts"),
            ("BUSY", "store_unavailable", false, "a script runs"),
            ("NOREPLICAS", "store_unavailable", false, "replication"),
            ("ERR", "store_unavailable", false, "anything else"),
        ] {
            let server = Address { host: "redis".into(), port: 6379 };
            let fault = RedisFault::Refused { server, refusal: Refusal::of(code, ""), text: code.into() };
            assert_eq!((fault.trouble().reason(), fault.passes()), (reason, again), "{code}: {why}");
        }
    }
}
