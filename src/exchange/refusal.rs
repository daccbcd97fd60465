//! Why an exchange yields no token: the families of failure, each with its stable reasons.

use crate::domain::{Seconds, Timestamp};
use crate::limits::Limited;
use crate::policy::{Binding, Denial};
use crate::release::issuance::Spent;
use crate::revocation::RuleId;
use crate::store::StoreTrouble;
use crate::token::{RejectedProof, RejectedToken};

use super::request::Malformed;

/// The families of failure; `docs/errors.md` lists their reasons.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    /// The request is not one of RFC 8693.
    Malformed,
    /// The token is bad.
    Rejected,
    /// No relationship permits it.
    Denied,
    /// The caller asks for too much at once. Coming back later helps.
    Limited,
    /// We cannot tell, so no. Trying again helps.
    Unavailable,
}

impl Family {
    /// The word on the wire, in records and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Why an exchange yields no token.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The request is malformed.
    Malformed(Malformed),
    /// The DPoP proof is bad in itself.
    Proof(RejectedProof),
    /// The token is bad in itself.
    Rejected(RejectedToken),
    /// The actor token is bad in itself.
    RejectedActor(RejectedToken),
    /// It has been spent.
    Replayed {
        /// What: the proof, the actor token or the subject token.
        what: Spent,
    },
    /// The replay guard may have lost its memory of tokens issued up to `until`: a newer one helps, this one never will.
    Fenced {
        /// What was made too long ago: the proof, the actor token or the subject token.
        what: Spent,
        /// Tokens issued up to this instant are refused.
        until: Timestamp,
        /// From then on, seen from the request, a new token will be accepted.
        retry_after: Seconds,
    },
    /// No relationship permits it.
    Denied(Denial),
    /// The caller is beyond its limit for now.
    Limited(Limited),
    /// What it rests on was taken back.
    Revoked {
        /// By which rule; for the record only.
        rule: RuleId,
    },
    /// A dependency is unavailable.
    Unavailable(Unavailable),
}

/// A dependency that cannot be asked or written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unavailable {
    /// Our clock and the store's disagree too much.
    ClockOffset,
    /// The issuer's keys were never fetched, or too long ago.
    IssuerKeys,
    /// The decision log takes no lines.
    Log,
    /// What was taken back is not known, or was too long ago.
    Revocations,
    /// No key signs.
    Signing,
    /// The replay guard cannot tell.
    Store(StoreTrouble),
}

impl Unavailable {
    /// The stable reason.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ClockOffset => "clock_offset",
            Self::IssuerKeys => "issuer_keys_unavailable",
            Self::Log => "log_unavailable",
            Self::Revocations => "revocations_stale",
            Self::Signing => "signing_unavailable",
            Self::Store(trouble) => trouble.reason(),
        }
    }
}

impl Refusal {
    /// Its family.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Malformed(_) => Family::Malformed,
            Self::Proof(_) | Self::Rejected(_) | Self::RejectedActor(_) | Self::Replayed { .. } | Self::Fenced { .. } => Family::Rejected,
            Self::Limited(_) => Family::Limited,
            Self::Denied(_) | Self::Revoked { .. } => Family::Denied,
            Self::Unavailable(_) => Family::Unavailable,
        }
    }

    /// Its stable reason.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.reason(),
            Self::Proof(rejected) => rejected.reason(),
            Self::Rejected(rejected) | Self::RejectedActor(rejected) => rejected.reason(),
            Self::Replayed { what: Spent::Actor } => "actor_replayed",
            Self::Replayed { what: Spent::Proof } => "proof_replayed",
            Self::Replayed { what: Spent::Subject } => "replayed",
            Self::Fenced { what: Spent::Actor, .. } => "actor_fenced",
            Self::Fenced { what: Spent::Proof, .. } => "proof_fenced",
            Self::Fenced { what: Spent::Subject, .. } => "fenced",
            Self::Denied(denial) => denial.reason(),
            Self::Limited(limited) => limited.reason(),
            Self::Revoked { .. } => "revoked",
            Self::Unavailable(unavailable) => unavailable.reason(),
        }
    }

    /// What a caller may know beside family and reason: the name of a parameter, or, for a known caller, of the claims that differ. Never
    /// anything of the request, and never an expected value.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Malformed(Malformed::ParameterMissing(name) | Malformed::ParameterUnsupported(name)) => Some((*name).into()),
            Self::Denied(Denial::Condition(miss)) => {
                let claims: Vec<_> = miss.failed.iter().map(|failed| failed.claim.as_str()).collect();
                Some(format!("claims {}", claims.join(", ")))
            }
            Self::RejectedActor(_) => Some("actor_token".into()),
            _ => None,
        }
    }

    /// The same, of the actor token: a caller who sent two tokens is told which one is bad.
    pub(super) fn about_actor(self) -> Self {
        if let Self::Rejected(rejected) = self { Self::RejectedActor(rejected) } else { self }
    }

    /// Whether a proof, or another one, is what it lacks.
    #[must_use]
    pub const fn wants_proof(&self) -> bool {
        matches!(
            self,
            Self::Proof(_)
                | Self::Replayed { what: Spent::Proof }
                | Self::Fenced { what: Spent::Proof, .. }
                | Self::Denied(Denial::Binding { wanted: Binding::Dpop, .. })
                | Self::Rejected(RejectedToken::PopRequired)
                | Self::RejectedActor(RejectedToken::PopRequired)
        )
    }

    /// When a *new* token has a chance that this one never gets.
    #[must_use]
    pub fn retry_after(&self) -> Option<Seconds> {
        if let Self::Fenced { retry_after, .. } = self { Some(*retry_after) } else { None }
    }
}
