//! Minting: from a permit to a signed, sealed token (RFC 9068).

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::domain::{IssuerUrl, Timestamp, TokenId};
use crate::policy::Permit;

use super::key_ring::{ACCESS_TOKEN, KeyRing, SigningFailed};
use super::minted::MintedToken;
use super::spends::Spends;

/// Signs the token that `permit` describes, with the key of its target's algorithm. Pure, but for the random `jti`.
///
/// It expires after the permitted lifetime, and not later than the permit allows.
pub fn mint(permit: Permit, ring: &KeyRing, issuer: &IssuerUrl, now: Timestamp) -> Result<MintedToken, SigningFailed> {
    if permit.mapped().iter().any(|(name, _)| RESERVED.contains(&&**name)) {
        return Err(SigningFailed::ReservedClaim);
    }
    let expires_at = now + permit.lifetime();
    let expires_at = permit.not_after().map_or(expires_at, |end| expires_at.min(end));
    let id = TokenId::random();
    let claims = IssuedClaims { permit: &permit, issuer, id: &id, issued_at: now, expires_at };
    let json = serde_json::to_vec(&claims).map_err(|_| SigningFailed::Crypto)?;
    let (token, key_id) = ring.sign(permit.target().algorithm, ACCESS_TOKEN, &json)?;
    let spends = Spends::of(permit.token(), &permit.target().audience);
    Ok(MintedToken { expires_at, id, issued_at: now, key_id, permit, sealed: token.into(), spends })
}

/// The claims of an issued token (RFC 9068 §2.2), and those the relationship carries over.
struct IssuedClaims<'a> {
    permit: &'a Permit,
    issuer: &'a IssuerUrl,
    id: &'a TokenId,
    issued_at: Timestamp,
    expires_at: Timestamp,
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
        claims.serialize_entry("iat", &self.issued_at)?;
        claims.serialize_entry("exp", &self.expires_at)?;
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
