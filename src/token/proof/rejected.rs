//! Why a proof is rejected.

/// A DPoP proof is bad. The reasons are words of `docs/errors.md` and never change.
///
/// Every one is answered with `invalid_dpop_proof` (RFC 9449 §5), but for [`Self::Nonce`]: that is `use_dpop_nonce` (§8).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant is its documentation")]
pub enum RejectedProof {
    #[error("`alg` is not one of the signature algorithms of the metadata")]
    Algorithm,
    #[error("`ath` is not the SHA-256 of the access token that came with the proof (RFC 9449 section 4.2)")]
    TokenHash,
    #[error("the header has `crit`, `b64`, `zip`, `enc`, `jku`, or a member of X.509")]
    Header,
    #[error("`htm` is not the method of the request")]
    Method,
    #[error("`htu` is not the URL of this endpoint as the metadata gives it")]
    Uri,
    #[error("`iat` is no number, or further than 60 s back or 5 s ahead")]
    IssuedAt,
    #[error("`jti` is no string of 1 to 512 bytes")]
    Id,
    #[error("`jwk` is no public key that fits `alg`, or RSA below 2048 or above 4096 bits")]
    Key,
    #[error("not one JWT of strict JSON, of at most 16 KiB")]
    Malformed,
    #[error("`nonce` is absent, or is not one that this server has given out within the last minutes")]
    Nonce,
    #[error("the signature is not that of `jwk`")]
    Signature,
    #[error("`typ` is not `dpop+jwt`")]
    Type,
}

impl RejectedProof {
    /// The stable reason: on the wire, in the decision record, in metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "proof_alg",
            Self::TokenHash => "proof_ath",
            Self::Header => "proof_header",
            Self::Method => "proof_htm",
            Self::Uri => "proof_htu",
            Self::IssuedAt => "proof_iat",
            Self::Id => "proof_jti",
            Self::Key => "proof_key",
            Self::Malformed => "proof_malformed",
            Self::Nonce => "proof_nonce",
            Self::Signature => "proof_signature",
            Self::Type => "proof_typ",
        }
    }
}
