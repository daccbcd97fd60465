//! Edits of a finished token, as an attacker on the way would make them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The order of P-256, big-endian (FIPS 186-5).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of the Ed25519 group, little-endian (RFC 8032 §5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

/// One edit of a case. `claims` is the payload before it was encoded.
pub(super) fn edit(token: &str, edit: &Value, claims: &[u8]) -> String {
    let mut segments: Vec<String> = token.split('.').map(Into::into).collect();
    let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let (what, how) = edit.as_object().unwrap().iter().next().unwrap();
    match what.as_str() {
        "drop_segment" => drop(segments.remove(index(how))),
        "append_segment" => segments.push(how.as_str().unwrap().into()),
        "set_segment" => segments[index(&how["index"])] = how["text"].as_str().unwrap().into(),
        "std_alphabet" => {
            let segment = &mut segments[index(how)];
            assert!(segment.contains(['-', '_']), "the case must exercise the other alphabet");
            *segment = segment.replace('-', "+").replace('_', "/");
        }
        "insert" => segments[index(&how["segment"])].insert_str(index(&how["at"]), how["text"].as_str().unwrap()),
        "tweak_trailing_bits" => tweak_trailing_bits(&mut segments[index(how)]),
        "serialize" => return serialize(&segments, how.as_str().unwrap()),
        "replace_all" => return how.as_str().unwrap().into(),
        "signature" => {
            let signature = URL_SAFE_NO_PAD.decode(&segments[2]).unwrap();
            segments[2] = URL_SAFE_NO_PAD.encode(signature_as(how.as_str().unwrap(), signature));
        }
        "swap_claims" => {
            let mut claims: Value = serde_json::from_slice(claims).unwrap();
            for (name, value) in how.as_object().unwrap() {
                claims[name] = value.clone();
            }
            segments[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
        }
        other => panic!("no such edit: {other}"),
    }
    segments.join(".")
}

/// Sets a bit that the last character does not need.
fn tweak_trailing_bits(segment: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(segment.len() % 4, 0, "there are spare bits only in an incomplete group");
    let last = segment.pop().unwrap();
    let value = ALPHABET.iter().position(|letter| char::from(*letter) == last).unwrap();
    segment.push(char::from(ALPHABET[value | 1]));
}

fn serialize(segments: &[String], form: &str) -> String {
    match form {
        "general" => json!({
            "payload": segments[1],
            "signatures": [{ "protected": segments[0], "signature": segments[2] }],
        })
        .to_string(),
        // Split at its dots, the middle part of this JSON is a payload of the attacker's choice.
        "forged_split" => {
            let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"root"}"#);
            let (header, payload, signature) = (&segments[0], &segments[1], &segments[2]);
            format!(r#"{{"protected":"{header}.{forged}.","payload":"{payload}","signature":"{signature}"}}"#)
        }
        other => panic!("no such serialisation: {other}"),
    }
}

fn signature_as(form: &str, mut signature: Vec<u8>) -> Vec<u8> {
    match form {
        "zero" => vec![0; signature.len()],
        "flip" => {
            signature[20] ^= 1;
            signature
        }
        "high_s" => {
            let twin = subtract(&P256_ORDER, &signature[32..]);
            signature[32..].copy_from_slice(&twin);
            signature
        }
        "ed_noncanonical" => {
            add_little_endian(&mut signature[32..], &ED25519_ORDER);
            signature
        }
        "der" => {
            let integers = [der_integer(&signature[..32]), der_integer(&signature[32..])].concat();
            [vec![0x30, u8::try_from(integers.len()).unwrap()], integers].concat()
        }
        other => panic!("no such signature: {other}"),
    }
}

/// `a - b`, big-endian, for `a > b`.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0_i16;
    let mut out: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let difference = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(difference < 0);
            u8::try_from(difference.rem_euclid(256)).unwrap()
        })
        .collect();
    out.reverse();
    out
}

fn add_little_endian(sum: &mut [u8], other: &[u8]) {
    let mut carry = 0_u16;
    for (byte, other) in sum.iter_mut().zip(other) {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        *byte = u8::try_from(total & 0xff).unwrap();
        carry = total >> 8;
    }
    assert_eq!(carry, 0);
}

fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap();
    let mut value = bytes[start..].to_vec();
    if value[0] >= 0x80 {
        value.insert(0, 0);
    }
    [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
}
