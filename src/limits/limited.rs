//! That somebody asks too much.

use crate::domain::Seconds;

use super::Rate;

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LimitKind {
    /// Failed authentications from one address.
    Client,
    /// Requests of one address.
    Peer,
    /// Exchanges that one relationship permits.
    Relationship,
    /// Exchanges of one subject.
    Subject,
}

/// A caller is beyond its limit for now: 429.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limited {
    /// Which limit.
    pub kind: LimitKind,
    /// How it was set.
    pub rate: Rate,
    /// From when on one more attempt is allowed, in seconds, rounded up.
    pub retry_after: Seconds,
}

/// What is left to a caller after an attempt of it was counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remaining {
    /// Of which limit.
    pub kind: LimitKind,
    /// How it was set.
    pub rate: Rate,
    /// So many attempts pass at once.
    pub attempts: u32,
}

impl LimitKind {
    /// The name of the policy in `RateLimit-Policy`.
    #[must_use]
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Relationship => "relationship",
            Self::Subject => "subject",
        }
    }
}

impl Limited {
    /// The stable reason of `docs/errors.md`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self.kind {
            LimitKind::Client => "client_rate",
            LimitKind::Peer => "peer_rate",
            LimitKind::Relationship => "relationship_rate",
            LimitKind::Subject => "subject_rate",
        }
    }

    /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10 §3): the burst, and how long it takes to come back.
    #[must_use]
    pub fn policy_header(self) -> String {
        policy_header(self.kind, self.rate)
    }

    /// The value of `RateLimit` (§4 there): nothing is left until then.
    #[must_use]
    pub fn header(self) -> String {
        format!("\"{}\";r=0;t={}", self.kind.policy(), self.retry_after.0)
    }
}

impl Remaining {
    /// The value of `RateLimit-Policy`, as [`Limited::policy_header`].
    #[must_use]
    pub fn policy_header(self) -> String {
        policy_header(self.kind, self.rate)
    }

    /// The value of `RateLimit`: so many are left, and after so many seconds there is at least one more.
    #[must_use]
    pub fn header(self) -> String {
        let interval = self.rate.interval();
        let seconds = interval.as_secs() + u64::from(interval.subsec_nanos() > 0);
        format!("\"{}\";r={};t={seconds}", self.kind.policy(), self.attempts)
    }
}

fn policy_header(kind: LimitKind, rate: Rate) -> String {
    format!("\"{}\";q={};w={}", kind.policy(), rate.burst(), rate.window().0)
}
