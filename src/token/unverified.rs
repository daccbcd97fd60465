//! A token that is well formed and otherwise worth nothing.

use crate::domain::{ClaimValue, Claims, Digest256, JsonLimits, SpiffeId, SubjectToken, parse_json};

use super::jws::{Compact, Header};
use super::{Algorithm, MAX_CLAIMS, MAX_JSON_DEPTH, RejectedToken};

/// A parsed subject token whose signature nobody has checked.
///
/// It tells only what is needed to find the issuer and the key. Its claims become readable by verifying it.
pub struct UnverifiedToken {
    pub(super) header: Header,
    pub(super) claims: Claims,
    pub(super) signing_input: Box<str>,
    pub(super) signature: Vec<u8>,
    digest: Digest256,
}

impl UnverifiedToken {
    /// Parses a compact JWS (RFC 7515 §7.1) that carries claims (RFC 7519 §7.2). No network, no key, no clock.
    pub fn parse(token: &SubjectToken) -> Result<Self, RejectedToken> {
        let compact = Compact::parse(token.reveal())?;
        let header = Header::parse(&compact.header)?;
        let limits = JsonLimits { depth: MAX_JSON_DEPTH, members: MAX_CLAIMS };
        let ClaimValue::Object(claims) = parse_json(&compact.payload, limits)? else {
            return Err(RejectedToken::MalformedJson);
        };
        match claims.get("iss") {
            None if trust_domain(&claims).is_none() => return Err(RejectedToken::IssuerMissing),
            None | Some(ClaimValue::Text(_)) => {}
            Some(_) => return Err(RejectedToken::IssuerInvalid),
        }
        let digest = Digest256::of(compact.signing_input.as_bytes());
        Ok(Self { header, claims, signing_input: compact.signing_input.into(), signature: compact.signature, digest })
    }

    /// The `iss` it claims. Use it to look an issuer up among the registered ones, and for nothing else. Where there is none, there is a
    /// trust domain.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// The trust domain that its `sub` claims, as `spiffe://acme.example`, when `sub` is a SPIFFE ID. For the same use.
    #[must_use]
    pub fn trust_domain(&self) -> Option<&str> {
        trust_domain(&self.claims)
    }

    /// The one `aud` it claims, when it is a string. Use it to look a target up among the registered ones, and for nothing else.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.claims.text("aud")
    }

    /// The `kid` it names. Use it to look a key up, and for nothing else.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// The algorithm it claims.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// SHA-256 of its signing input: names the token in the decision log without revealing it.
    #[must_use]
    pub fn digest(&self) -> Digest256 {
        self.digest
    }
}

fn trust_domain(claims: &Claims) -> Option<&str> {
    SpiffeId::parse(claims.text("sub")?).ok().map(|id| id.trust_domain_uri())
}
