//! What an issued token says.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::domain::{ClaimValue, IssuerUrl, Mark, TokenId};
use crate::policy::{Permit, TokenKind};
use crate::release::issuance::key_ring::SigningFailed;
use crate::release::issuance::minted::Times;
use crate::token::Bond;

/// The claims of an issued token (RFC 9068 §2.2), and those the relationship carries over.
pub(super) struct IssuedClaims<'a> {
    pub(super) permit: &'a Permit,
    pub(super) issuer: &'a IssuerUrl,
    /// What no two tokens have in common; without it, what a repeat must say again.
    pub(super) own: Option<Own<'a>>,
}

/// What one token alone says.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) id: &'a TokenId,
    pub(super) times: Times,
}

impl IssuedClaims<'_> {
    /// The payload.
    pub(super) fn json(&self) -> Result<Vec<u8>, SigningFailed> {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut json, self).map_err(|_| SigningFailed::Crypto)?;
        Ok(json)
    }
}

/// Enough for the payload of nearly every token.
const USUAL_BYTES: usize = 1_024;

impl Serialize for IssuedClaims<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut claims = serializer.serialize_map(None)?;
        claims.serialize_entry("iss", self.issuer)?;
        claims.serialize_entry("sub", self.permit.subject())?;
        // One string: one target for each token, so that no resource server can pass it on to another (RFC 8707 §2).
        claims.serialize_entry("aud", self.permit.target().audience.as_str())?;
        // Another authorization server has names of its own for its clients: there it would say that somebody else presents the grant.
        if self.permit.target().kind == TokenKind::AccessToken {
            claims.serialize_entry("client_id", self.permit.relationship())?;
        }
        if !self.permit.scopes().is_empty() {
            claims.serialize_entry("scope", self.permit.scopes())?;
        }
        if let Some(act) = self.permit.act() {
            claims.serialize_entry("act", act)?;
        }
        let bond = self.permit.bond();
        if bond != Bond::default() {
            claims.serialize_entry("cnf", &Confirmation(bond))?;
        }
        if let Some(root) = self.permit.root() {
            claims.serialize_entry("root_jti", root)?;
            if !self.permit.ancestors().is_empty() {
                claims.serialize_entry("ancestors", self.permit.ancestors())?;
            }
        }
        if let Some(Own { id, times }) = self.own {
            claims.serialize_entry("iat", &times.issued_at)?;
            claims.serialize_entry("exp", &times.expires_at)?;
            claims.serialize_entry("jti", id)?;
            // Not in a grant for another server: nobody brings that back to us.
            if self.permit.target().kind == TokenKind::AccessToken {
                claims.serialize_entry("rvk", &Marks { permit: self.permit, id })?;
            }
        }
        for (name, value) in self.permit.mapped() {
            claims.serialize_entry(&**name, value)?;
        }
        claims.end()
    }
}

/// `cnf` (RFC 7800 §3.1): `jkt` (RFC 9449 §6.1), `x5t#S256` (RFC 8705 §3.1).
pub(super) struct Confirmation(pub(super) Bond);

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some(key) = &self.0.key {
            members.serialize_entry("jkt", key)?;
        }
        if let Some(certificate) = &self.0.certificate {
            members.serialize_entry("x5t#S256", certificate)?;
        }
        members.end()
    }
}

/// `rvk`: by what the token can be taken back although it does not say it. A narrowed token has the marks of the one that it comes from,
/// and those of whoever came with this request, all of them of the first token's `jti`: nobody knows any more what the earlier ones hide.
struct Marks<'a> {
    permit: &'a Permit,
    id: &'a TokenId,
}

impl Serialize for Marks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (narrowed, id) = match self.permit.root() {
            Some(root) => (self.permit.token().claims().get("rvk"), root),
            None => (None, self.id),
        };
        let earlier = if let Some(ClaimValue::List(marks)) = narrowed { marks.as_slice() } else { &[] };
        let mut marks = serializer.serialize_seq(None)?;
        for mark in earlier {
            marks.serialize_element(mark)?;
        }
        let mut done = Ok(());
        self.permit.each_trait(|fingerprint| {
            let mark = Mark::of(id.as_str(), &fingerprint);
            if done.is_ok() && !earlier.iter().any(|known| known.as_text() == Some(mark.as_str())) {
                done = marks.serialize_element(&mark);
            }
        });
        done?;
        marks.end()
    }
}

/// Names that no mapped claim may have: those we write, and those that would change what the token means to a verifier.
pub(super) const RESERVED: [&str; 15] =
    ["iss", "sub", "aud", "client_id", "scope", "iat", "exp", "nbf", "jti", "cnf", "act", "may_act", "root_jti", "ancestors", "rvk"];
