//! Why a subject token is rejected.

use crate::domain::{JsonError, Timestamp};

use super::jwk::Unusable;
use super::key_set::KeyMiss;

/// A subject token is bad. The reasons are words of `docs/errors.md` and never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation")]
pub enum RejectedToken {
    #[error("`act` is no object, or nests deeper than 4 (RFC 8693 section 4.1)")]
    ActorInvalid,
    #[error("`alg` is absent or not a string")]
    AlgorithmMissing,
    #[error("the key is for another algorithm than the token's")]
    AlgorithmMismatch,
    #[error("the algorithm is unknown or not one of the issuer's")]
    AlgorithmNotAllowed,
    #[error("`aud` is no string and no array of 1 to 10 strings")]
    AudienceInvalid,
    #[error("`aud` is not one of the issuer's `audiences`")]
    AudienceMismatch,
    #[error("`aud` is absent")]
    AudienceMissing,
    #[error("`aud` holds further audiences; the issuer needs `extra_audiences = true` for that")]
    AudienceMultiple,
    #[error("the header has `b64` (RFC 7797 section 7)")]
    B64Unsupported,
    #[error("the signature does not verify")]
    BadSignature,
    #[error("`cnf` binds the token in a way that is not supported here (RFC 7800 section 3)")]
    ConfirmationUnsupported,
    #[error("the header has `crit`, and no extension is supported")]
    CritUnsupported,
    #[error("the token is encrypted or nested")]
    Encrypted,
    #[error("`exp` was {at}")]
    Expired { at: Timestamp },
    #[error("`exp` is no number of 0 to 2^53")]
    ExpiryInvalid,
    #[error("`exp` is absent")]
    ExpiryMissing,
    #[error("the header has `jku`, `jwk`, `x5u`, `x5c` or `zip`")]
    ForbiddenHeader,
    #[error("`iat` is {at}, in the future")]
    IssuedInFuture { at: Timestamp },
    #[error("`iat` is no number of 0 to 2^53")]
    IssuedAtInvalid,
    #[error("`iat` is absent, and the issuer's replay mode or `token_max_age` needs it")]
    IssuedAtMissing,
    #[error("`iss` is not a string")]
    IssuerInvalid,
    #[error("`iss` is absent, and `sub` is no SPIFFE ID")]
    IssuerMissing,
    #[error("several keys fit, and the token does not say which (RFC 7517 section 4.5)")]
    KeyAmbiguous,
    #[error("`kid` is not a string of 1 to 256 bytes")]
    KeyIdInvalid,
    #[error("the issuer has no such key")]
    KeyNotFound,
    #[error("the issuer's key cannot be used: {0}")]
    KeyUnusable(Unusable),
    #[error("the token lives longer than the issuer's `token_max_lifetime`")]
    LifetimeExceeded,
    #[error("header or claims are not one strict JSON object")]
    MalformedJson,
    #[error("not three canonical base64url segments")]
    MalformedToken,
    #[error("`may_act` is no object (RFC 8693 section 4.4)")]
    MayActInvalid,
    #[error("`nbf` is no number of 0 to 2^53")]
    NotBeforeInvalid,
    #[error("`nbf` is {from}")]
    NotYetValid { from: Timestamp },
    #[error("`cnf` binds the token to another certificate than that of the connection (RFC 8705 section 3)")]
    PopCertificateMismatch,
    #[error("`cnf` binds the token to another key than the one that was proven")]
    PopMismatch,
    #[error("`cnf` binds the token to a key, and no proof of possession came with it (RFC 7800 section 3)")]
    PopRequired,
    #[error("a member stands twice in one object")]
    DuplicateMember,
    #[error("`sub` is no string of 1 to 1024 bytes without control and bidirectional characters, or no SPIFFE ID of its trust domain")]
    SubjectInvalid,
    #[error("`sub`, or a claim that the issuer's `subject` names, is absent")]
    SubjectMissing,
    #[error("`jti` is no string of 1 to 512 bytes")]
    TokenIdInvalid,
    #[error("JSON nests deeper than 16, or has more than 256 members")]
    TooComplex,
    #[error("the token is larger than 16 KiB, or its header than 4 KiB")]
    TooLarge,
    #[error("the token was issued longer ago than the issuer's `token_max_age`")]
    TooOld,
    #[error("`typ` is not one of the issuer's")]
    TypeMismatch,
    #[error("`iss` is not registered")]
    UnknownIssuer,
}

impl RejectedToken {
    /// The stable reason: on the wire, in the decision record, in metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ActorInvalid => "act_invalid",
            Self::AlgorithmMissing => "alg_missing",
            Self::AlgorithmMismatch => "alg_key_mismatch",
            Self::AlgorithmNotAllowed => "alg_not_allowed",
            Self::AudienceInvalid => "aud_invalid",
            Self::AudienceMismatch => "aud_mismatch",
            Self::AudienceMissing => "aud_missing",
            Self::AudienceMultiple => "aud_multiple",
            Self::B64Unsupported => "b64_unsupported",
            Self::BadSignature => "bad_signature",
            Self::ConfirmationUnsupported => "cnf_unsupported",
            Self::CritUnsupported => "crit_unsupported",
            Self::DuplicateMember => "duplicate_member",
            Self::Encrypted => "encrypted_token",
            Self::Expired { .. } => "expired",
            Self::ExpiryInvalid => "exp_invalid",
            Self::ExpiryMissing => "exp_missing",
            Self::ForbiddenHeader => "forbidden_header",
            Self::IssuedInFuture { .. } => "iat_future",
            Self::IssuedAtInvalid => "iat_invalid",
            Self::IssuedAtMissing => "iat_missing",
            Self::IssuerInvalid => "iss_invalid",
            Self::IssuerMissing => "iss_missing",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::KeyIdInvalid => "kid_invalid",
            Self::KeyNotFound => "key_not_found",
            Self::KeyUnusable(Unusable::NotForSigning) => "key_not_for_signing",
            Self::KeyUnusable(Unusable::Weak) => "weak_key",
            Self::KeyUnusable(Unusable::Malformed | Unusable::PrivatePublished | Unusable::Unnamed) => "bad_key",
            Self::KeyUnusable(Unusable::Unsupported) => "key_unsupported",
            Self::LifetimeExceeded => "lifetime_exceeded",
            Self::MalformedJson => "malformed_json",
            Self::MalformedToken => "malformed_token",
            Self::MayActInvalid => "may_act_invalid",
            Self::NotBeforeInvalid => "nbf_invalid",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::PopCertificateMismatch | Self::PopMismatch => "pop_mismatch",
            Self::PopRequired => "pop_required",
            Self::SubjectInvalid => "sub_invalid",
            Self::SubjectMissing => "sub_missing",
            Self::TokenIdInvalid => "jti_invalid",
            Self::TooComplex => "too_complex",
            Self::TooLarge => "too_large",
            Self::TooOld => "too_old",
            Self::TypeMismatch => "typ_mismatch",
            Self::UnknownIssuer => "unknown_issuer",
        }
    }
}

impl From<JsonError> for RejectedToken {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Duplicate => Self::DuplicateMember,
            JsonError::TooDeep | JsonError::TooManyMembers => Self::TooComplex,
            JsonError::Syntax => Self::MalformedJson,
        }
    }
}

impl From<KeyMiss> for RejectedToken {
    fn from(miss: KeyMiss) -> Self {
        match miss {
            KeyMiss::Ambiguous => Self::KeyAmbiguous,
            KeyMiss::AlgorithmMismatch => Self::AlgorithmMismatch,
            KeyMiss::NotFound => Self::KeyNotFound,
            KeyMiss::Unusable(why) => Self::KeyUnusable(why),
        }
    }
}
