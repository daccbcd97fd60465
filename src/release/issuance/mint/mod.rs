//! Minting: from a permit to a signed, sealed token (RFC 9068).

use secrecy::SecretString;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::domain::{IssuerUrl, Timestamp, TokenId};
use crate::policy::Permit;
use crate::revocation::Cleared;
use crate::token::ReplayMode;

use super::key_ring::{ACCESS_TOKEN, KeyRing, SigningFailed};
use super::minted::{MintedToken, Times};
use super::repeatable::RepeatableRequest;
use super::spends::Spends;

/// Signs the token that a permit describes which nothing has taken back, with the key of its target's algorithm. Pure, but for a random `jti`; the `jti` for a
/// repeatable request is derived from it.
///
/// It expires after the permitted lifetime, and not later than the permit allows.
pub fn mint(
    cleared: Cleared,
    ring: &KeyRing,
    issuer: &IssuerUrl,
    now: Timestamp,
    request: Option<RepeatableRequest<'_>>,
) -> Result<MintedToken, SigningFailed> {
    let permit = cleared.into_permit();
    if permit.mapped().iter().any(|(name, _)| RESERVED.contains(&&**name)) {
        return Err(SigningFailed::ReservedClaim);
    }
    let expires_at = now + permit.lifetime();
    let expires_at = permit.not_after().map_or(expires_at, |end| expires_at.min(end));
    let times = Times { issued_at: now, expires_at };
    let mut spends = Spends::of(permit.token(), &permit.target().audience);
    // Of a reusable token nothing is remembered, so its request cannot be told from an earlier one: each is an exchange of its own.
    let request = request.filter(|_| spends.mode != ReplayMode::Reusable);
    spends.owner = request.map(|request| request.owner(&spends));
    let id = request.map_or_else(TokenId::random, |request| request.token_id(&spends));
    let claims = IssuedClaims { permit: &permit, issuer, id: &id, times };
    let (sealed, key_id) = claims.sign(ring)?;
    Ok(MintedToken { id, key_id, minted_at: now, permit, sealed, spends, times })
}

impl MintedToken {
    /// Signs it again with other times. Same `jti`, same permit; still sealed.
    pub(in crate::release) fn at(self, times: Times, ring: &KeyRing, issuer: &IssuerUrl) -> Result<Self, SigningFailed> {
        let claims = IssuedClaims { permit: &self.permit, issuer, id: &self.id, times };
        let (sealed, key_id) = claims.sign(ring)?;
        Ok(Self { key_id, sealed, times, ..self })
    }
}

/// The claims of an issued token (RFC 9068 §2.2), and those the relationship carries over.
struct IssuedClaims<'a> {
    permit: &'a Permit,
    issuer: &'a IssuerUrl,
    id: &'a TokenId,
    times: Times,
}

impl IssuedClaims<'_> {
    fn sign(&self, ring: &KeyRing) -> Result<(SecretString, Box<str>), SigningFailed> {
        let json = serde_json::to_vec(self).map_err(|_| SigningFailed::Crypto)?;
        let (token, key_id) = ring.sign(self.permit.target().algorithm, ACCESS_TOKEN, &json)?;
        Ok((token.into(), key_id))
    }
}

impl Serialize for IssuedClaims<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut claims = serializer.serialize_map(None)?;
        claims.serialize_entry("iss", self.issuer)?;
        claims.serialize_entry("sub", self.permit.subject())?;
        // One string: one target for each token, so that no resource server can pass it on to another (RFC 8707 §2).
        claims.serialize_entry("aud", self.permit.target().audience.as_str())?;
        claims.serialize_entry("client_id", self.permit.relationship())?;
        if !self.permit.scopes().is_empty() {
            claims.serialize_entry("scope", self.permit.scopes())?;
        }
        claims.serialize_entry("iat", &self.times.issued_at)?;
        claims.serialize_entry("exp", &self.times.expires_at)?;
        claims.serialize_entry("jti", self.id)?;
        for (name, value) in self.permit.mapped() {
            claims.serialize_entry(&**name, value)?;
        }
        claims.end()
    }
}

/// Names that no mapped claim may have: those we write, and those that would change what the token means to a verifier.
const RESERVED: [&str; 11] = ["iss", "sub", "aud", "client_id", "scope", "iat", "exp", "nbf", "jti", "cnf", "act"];

#[cfg(test)]
mod tests;
