//! The three segments of a compact JWS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::{MAX_TOKEN_BYTES, RejectedToken};

/// A compact JWS (RFC 7515 §7.1), taken apart but not believed.
pub(in crate::token) struct Compact<'a> {
    /// `header.payload`, the bytes that are signed.
    pub(in crate::token) signing_input: &'a str,
    pub(in crate::token) header: Vec<u8>,
    pub(in crate::token) payload: Vec<u8>,
    pub(in crate::token) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(in crate::token) fn parse(token: &'a str) -> Result<Self, RejectedToken> {
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
