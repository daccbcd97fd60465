//! A token that is well formed and otherwise worth nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{ClaimValue, Claims, Digest256, JsonLimits, SpiffeId, SubjectToken, parse_json};

use super::header::Header;
use super::{Algorithm, MAX_CLAIMS, MAX_JSON_DEPTH, MAX_TOKEN_BYTES, RejectedToken};

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

/// A compact JWS (RFC 7515 §7.1), taken apart but not believed.
struct Compact<'a> {
    /// `header.payload`, the bytes that are signed.
    signing_input: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    fn parse(token: &'a str) -> Result<Self, RejectedToken> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(RejectedToken::TooLarge);
        }
        // rfc8725bis §3.14: nothing but the base64url alphabet and dots, before anything is split or decoded.
        if !token.bytes().fold(true, |clean, byte| clean & ALPHABET[usize::from(byte)]) {
            return Err(RejectedToken::MalformedToken);
        }
        let mut segments = token.split('.');
        let parts = (segments.next(), segments.next(), segments.next());
        let (Some(header), Some(payload), Some(signature)) = parts else { return Err(RejectedToken::MalformedToken) };
        match segments.count() {
            0 => {}
            2 => return Err(RejectedToken::Encrypted),
            _ => return Err(RejectedToken::MalformedToken),
        }
        Ok(Self {
            signing_input: &token[..header.len() + 1 + payload.len()],
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

/// The octets that a compact JWS may hold. A table, and no early end: nearly every token is clean, and all of it is looked at.
const ALPHABET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        byte += 1;
    }
    table
};

/// Canonical base64url without padding: spare bits must be zero, or one token would have several spellings.
fn decode(segment: &str) -> Result<Vec<u8>, RejectedToken> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| RejectedToken::MalformedToken)
}
