//! One value of a form.

use zeroize::Zeroizing;

use super::FormFault;

/// Decodes a name or a value: `+` is a space, `%XX` an octet, and the octets are UTF-8 without control characters.
///
/// Strict where the usual decoders are lossy: a bad escape or a bad octet is a fault, never U+FFFD.
pub(in crate::http) fn decode(encoded: &[u8]) -> Result<Zeroizing<String>, FormFault> {
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
    let text = String::from_utf8(octets).map(Zeroizing::new).map_err(|_| FormFault::Utf8)?;
    if text.chars().any(char::is_control) { Err(FormFault::ControlCharacter) } else { Ok(text) }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
