//! The JOSE header, of which a token gets to choose as little as possible.

use crate::domain::{ClaimValue, Claims, JsonLimits, parse_json};

use super::super::{MAX_HEADER_BYTES, MAX_JSON_DEPTH, RejectedToken};
use super::Algorithm;

/// Header parameters that would name keys, or change what a signature means. A genuine workload token has none of them
/// (RFC 8725 §3.10, RFC 7515 §4.1, RFC 7797 §7).
const NEVER: [&str; 5] = ["jku", "jwk", "x5u", "x5c", "zip"];

/// Longest `kid`, in bytes.
const MAX_KID_BYTES: usize = 256;

/// What is left of a JOSE header once it is known to be harmless.
#[derive(Clone, Debug)]
pub(in crate::token) struct Header {
    pub(in crate::token) algorithm: Algorithm,
    pub(in crate::token) key_id: Option<Box<str>>,
    pub(in crate::token) typ: Option<Box<str>>,
}

impl Header {
    pub(in crate::token) fn parse(bytes: &[u8]) -> Result<Self, RejectedToken> {
        let members = header_members(bytes)?;
        if members.get("crit").is_some() {
            return Err(RejectedToken::CritUnsupported);
        }
        if members.get("b64").is_some() {
            return Err(RejectedToken::B64Unsupported);
        }
        // A five-part JWE is caught by its shape; a three-part one that claims to be nested is refused here (RFC 7519 §5.2).
        let nested = members.text("cty").is_some_and(|cty| is_media_type(cty, "jwt"));
        if nested || members.get("enc").is_some() {
            return Err(RejectedToken::Encrypted);
        }
        let algorithm = algorithm(&members)?;
        if NEVER.iter().any(|name| members.get(name).is_some()) {
            return Err(RejectedToken::ForbiddenHeader);
        }
        Ok(Self { algorithm, key_id: key_id(&members)?, typ: typ(&members)? })
    }
}

/// The members of any JOSE header: one strict JSON object, small enough.
pub(in crate::token) fn header_members(bytes: &[u8]) -> Result<Claims, RejectedToken> {
    if bytes.len() > MAX_HEADER_BYTES {
        return Err(RejectedToken::TooLarge);
    }
    match parse_json(bytes, JsonLimits { depth: MAX_JSON_DEPTH, members: 64 })? {
        ClaimValue::Object(members) => Ok(members),
        _ => Err(RejectedToken::MalformedJson),
    }
}

fn algorithm(members: &Claims) -> Result<Algorithm, RejectedToken> {
    let Some(ClaimValue::Text(name)) = members.get("alg") else { return Err(RejectedToken::AlgorithmMissing) };
    Algorithm::from_name(name).ok_or(RejectedToken::AlgorithmNotAllowed)
}

fn key_id(members: &Claims) -> Result<Option<Box<str>>, RejectedToken> {
    match members.get("kid") {
        None => Ok(None),
        Some(ClaimValue::Text(kid)) if (1..=MAX_KID_BYTES).contains(&kid.len()) => Ok(Some(kid.clone())),
        Some(_) => Err(RejectedToken::KeyIdInvalid),
    }
}

fn typ(members: &Claims) -> Result<Option<Box<str>>, RejectedToken> {
    match members.get("typ") {
        None => Ok(None),
        Some(ClaimValue::Text(typ)) => Ok(Some(typ.clone())),
        Some(_) => Err(RejectedToken::TypeMismatch),
    }
}

/// Media types are compared without case, and `application/` may be left out (RFC 7515 §4.1.9).
pub(in crate::token) fn is_media_type(value: &str, expected: &str) -> bool {
    const PREFIX: &str = "application/";
    let bare = match value.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &value[PREFIX.len()..],
        _ => value,
    };
    bare.eq_ignore_ascii_case(expected)
}
