//! Why a caller is not answered.

use crate::domain::Seconds;
use crate::exchange::{Family, Unavailable};
use crate::limits::Limited;
use crate::token::{RejectedProof, RejectedToken};

use super::BadAssertion;

/// Why a question is not answered, or a token not taken back. That a token is none of ours, or over, or not for the caller, is an answer and
/// stands nowhere here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The client's assertion about itself is no good.
    Assertion(BadAssertion),
    /// Nobody can tell whether the assertion was used before: it is older than what the store surely remembers. One that is made after this
    /// time helps, so it is no failure of the client.
    AssertionFenced {
        /// In seconds.
        retry_after: Seconds,
    },
    /// Nothing says who asks.
    CredentialsMissing,
    /// An encrypted token cannot be read here, so it cannot be taken back by being shown.
    Encrypted,
    /// Too many authentications failed, or too many tokens were ended.
    Limited(Limited),
    /// The proof that came with the caller's access token is no good.
    Proof(RejectedProof),
    /// The same for the proof that came with the access token.
    ProofFenced {
        /// In seconds.
        retry_after: Seconds,
    },
    /// The proof was used before.
    ProofReplayed,
    /// The caller's access token was taken back.
    Revoked,
    /// The caller's access token is for us, and does not allow this.
    ScopeMissing,
    /// The caller's access token is no good.
    Token(RejectedToken),
    /// A dependency is unavailable.
    Unavailable(Unavailable),
}

impl Refused {
    /// Its family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Assertion(bad) => bad.family(),
            Self::CredentialsMissing => Family::Malformed,
            Self::Encrypted | Self::Proof(_) | Self::ProofReplayed | Self::Token(_) => Family::Rejected,
            Self::Revoked | Self::ScopeMissing => Family::Denied,
            Self::Limited(_) => Family::Limited,
            Self::AssertionFenced { .. } | Self::ProofFenced { .. } | Self::Unavailable(_) => Family::Unavailable,
        }
    }

    /// Its stable reason, for us; see [`BadAssertion::reason`].
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Assertion(bad) => bad.reason(),
            Self::AssertionFenced { .. } => "fenced",
            Self::CredentialsMissing => "credentials_missing",
            Self::Encrypted => "encrypted_token",
            Self::Limited(limited) => limited.reason(),
            Self::Proof(rejected) => rejected.reason(),
            Self::ProofFenced { .. } => "proof_fenced",
            Self::ProofReplayed => "proof_replayed",
            Self::Revoked => "revoked",
            Self::ScopeMissing => "scope_missing",
            Self::Token(rejected) => rejected.reason(),
            Self::Unavailable(unavailable) => unavailable.reason(),
        }
    }
}

impl From<Unavailable> for Refused {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<RejectedToken> for Refused {
    fn from(rejected: RejectedToken) -> Self {
        Self::Token(rejected)
    }
}
