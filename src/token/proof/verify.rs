//! The one function that turns the text of a proof into evidence.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{ClaimValue, Claims, Digest256, Seconds, Thumbprint, Timestamp};

use super::super::claims::{Round, instant, token_id};
use super::unverified::UnverifiedProof;
use super::uri::normalised;
use super::{AHEAD, NonceRule, OLDEST, ProofText, RejectedProof};

/// The request that a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct ProofExpectations<'a> {
    /// The method of the request, for example `POST`.
    pub method: &'a str,
    /// The configured public URL of the endpoint. Never made from `Host`: whoever chooses that header would choose what a proof is for.
    pub url: &'a str,
    /// The access token that the request authenticates with: `ath` must then be its hash. At the token endpoint there is none.
    pub access_token: Option<&'a str>,
    /// Whether the proof must hold a nonce of ours.
    pub nonce: NonceRule<'a>,
}

/// Evidence that the sender of a request holds a key, made for that request and within the last minute. Only [`verify_proof`] makes one.
///
/// It is good once: spend its identity before anything is handed out for it (RFC 9449 §11.1).
#[derive(Clone, Copy, Debug)]
pub struct VerifiedProof {
    key: Thumbprint,
    identity: Digest256,
    issued_at: Timestamp,
    refused_from: Timestamp,
}

impl VerifiedProof {
    /// The key: what `cnf.jkt` of a token bound to it says.
    #[must_use]
    pub fn key(&self) -> Thumbprint {
        self.key
    }

    /// What makes two presentations the same proof: key, endpoint and `jti`, whatever the signature. No subject token has the same.
    #[must_use]
    pub fn identity(&self) -> Digest256 {
        self.identity
    }

    /// `iat`, rounded up.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// From this instant on it is too old for us.
    #[must_use]
    pub fn refused_from(&self) -> Timestamp {
        self.refused_from
    }
}

/// Verifies a DPoP proof (RFC 9449 §4.3, numbers 2 to 11 and the first half of 12).
///
/// The signature comes before every claim, and the nonce last: whoever is asked for a nonce needs nothing else than that.
///
/// # Errors
/// The first rule that it breaks.
pub fn verify_proof(text: &ProofText, expected: &ProofExpectations<'_>, now: Timestamp) -> Result<VerifiedProof, RejectedProof> {
    let UnverifiedProof { claims, key } = UnverifiedProof::parse(text)?;
    if claims.text("htm") != Some(expected.method) {
        return Err(RejectedProof::Method);
    }
    let endpoint = normalised(expected.url).ok_or(RejectedProof::Uri)?;
    if claims.text("htu").and_then(normalised).as_ref() != Some(&endpoint) {
        return Err(RejectedProof::Uri);
    }
    let id = token_id(&claims).ok().flatten().ok_or(RejectedProof::Id)?;
    let (issued_at, refused_from) = times(&claims, now)?;
    if let Some(token) = expected.access_token
        && claims.text("ath") != Some(&*URL_SAFE_NO_PAD.encode(Digest256::of(token.as_bytes()).as_bytes()))
    {
        return Err(RejectedProof::TokenHash);
    }
    if let NonceRule::Required(nonces) = expected.nonce
        && !claims.get("nonce").and_then(ClaimValue::as_text).is_some_and(|nonce| nonces.accept(nonce, now))
    {
        return Err(RejectedProof::Nonce);
    }
    let identity = Digest256::of_fields(&[Some(b"dpop"), Some(key.digest().as_bytes()), Some(endpoint.as_bytes()), Some(id.as_bytes())]);
    Ok(VerifiedProof { key, identity, issued_at, refused_from })
}

/// `iat`, rounded up as the replay fence reads it, and the first instant at which the proof is too old. Both roundings are against it. A proof
/// needs neither `exp` nor `nbf`; one that has them is no good outside of them (RFC 7519 §4.1.4 and §4.1.5).
fn times(claims: &Claims, now: Timestamp) -> Result<(Timestamp, Timestamp), RejectedProof> {
    let read = |round| instant(claims, "iat", round).ok().flatten().ok_or(RejectedProof::IssuedAt);
    let (earliest, latest) = (read(Round::Down)?, read(Round::Up)?);
    if earliest + OLDEST < now || latest > now + AHEAD {
        return Err(RejectedProof::IssuedAt);
    }
    let bound = |name, round| instant(claims, name, round).map_err(|()| RejectedProof::IssuedAt);
    let is_over = bound("exp", Round::Down)?.is_some_and(|end| end + AHEAD <= now);
    if is_over || bound("nbf", Round::Up)?.is_some_and(|begin| begin > now + AHEAD) {
        return Err(RejectedProof::IssuedAt);
    }
    Ok((latest, earliest + OLDEST + Seconds(1)))
}
