//! One value of a form.

use zeroize::Zeroizing;

use super::FormFault;

/// Decodes a name or a value: `+` is a space, `%XX` an octet, and the octets are UTF-8 without control characters.
///
/// Strict where the usual decoders are lossy: a bad escape or a bad octet is a fault, never U+FFFD.
pub(in crate::http) fn decode(encoded: &[u8]) -> Result<Zeroizing<String>, FormFault> {
    let octets = if any(encoded, |byte| matches!(byte, b'+' | b'%')) { unescape(encoded)? } else { encoded.to_vec() };
    let text = String::from_utf8(octets).map(Zeroizing::new).map_err(|_| FormFault::Utf8)?;
    let controls = if text.is_ascii() { any(text.as_bytes(), |byte| byte.is_ascii_control()) } else { text.chars().any(char::is_control) };
    if controls { Err(FormFault::ControlCharacter) } else { Ok(text) }
}

/// Looks at all of them: without an early end many octets are looked at together, and a token is long and plain.
fn any(octets: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(0, |found, octet| found | u8::from(is_one(*octet))) != 0
}

fn unescape(encoded: &[u8]) -> Result<Vec<u8>, FormFault> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        octets.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().copied().and_then(hex), rest.next().copied().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormFault::PercentEncoding),
            },
            other => *other,
        });
    }
    Ok(octets)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
