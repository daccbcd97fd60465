//! Strict JSON: what two parsers could read differently is refused before anybody reads it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::claims::{ClaimValue, Claims, Number};

/// How large a document may be inside.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Deepest nesting of objects and arrays; the outermost counts as 1.
    pub depth: usize,
    /// Most members of any one object.
    pub members: usize,
}

/// Why a text is not the JSON that we read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    /// An object names a member twice (names are compared after unescaping), RFC 8259 §4.
    #[error("an object names a member twice")]
    Duplicate,
    /// Nested deeper than the limit.
    #[error("nested too deeply")]
    TooDeep,
    /// An object has more members than the limit.
    #[error("an object has too many members")]
    TooManyMembers,
    /// Not JSON (RFC 8259), not UTF-8, or more than one value.
    #[error("not JSON in UTF-8")]
    Syntax,
}

/// Parses one JSON value (RFC 8259). Duplicate members at any depth are refused (RFC 7515 §4, RFC 7519 §4).
pub fn parse_json(bytes: &[u8], limits: JsonLimits) -> Result<ClaimValue, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Syntax)?;
    let fault = Cell::new(JsonError::Syntax);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let expected = (text.len() / MEMBER_BYTES).min(limits.members);
    let value = Strict { limits, depth: 0, expected, fault: &fault }.deserialize(&mut deserializer).map_err(|_| fault.get())?;
    deserializer.end().map_err(|_| JsonError::Syntax)?;
    Ok(value)
}

/// Text of a usual member, in bytes.
const MEMBER_BYTES: usize = 32;

#[derive(Clone, Copy)]
struct Strict<'a> {
    limits: JsonLimits,
    depth: usize,
    /// Members that the outermost object is likely to have: room for them is made at once.
    expected: usize,
    /// serde's errors carry text only; the kind travels beside them.
    fault: &'a Cell<JsonError>,
}

impl Strict<'_> {
    fn fail<E: serde::de::Error>(self, fault: JsonError) -> E {
        self.fault.set(fault);
        E::custom(fault)
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == self.limits.depth {
            return Err(self.fail(JsonError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ClaimValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ClaimValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ClaimValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<ClaimValue, E> {
        let number = u64::try_from(value).map_or(Number::Negative(value), Number::Unsigned);
        Ok(ClaimValue::Number(number))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<ClaimValue, E> {
        if !value.is_finite() {
            return Err(E::custom(JsonError::Syntax));
        }
        Ok(ClaimValue::Number(Number::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<ClaimValue, E> {
        Ok(ClaimValue::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ClaimValue, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(ClaimValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClaimValue, A::Error> {
        let inner = self.deeper()?;
        let mut members: Vec<(Box<str>, ClaimValue)> = Vec::with_capacity(if self.depth == 0 { self.expected } else { 0 });
        while let Some(name) = map.next_key::<Box<str>>()? {
            if members.len() == self.limits.members {
                return Err(self.fail(JsonError::TooManyMembers));
            }
            // Quadratic, but bounded: 256 names of a token of at most 16 KiB.
            if members.iter().any(|(seen, _)| *seen == name) {
                return Err(self.fail(JsonError::Duplicate));
            }
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(ClaimValue::Object(Claims::from_distinct(members)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JsonLimits = JsonLimits { depth: 3, members: 3 };

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for (text, expected, why) in [
            (&br#"{"a":1,"a":2}"#[..], Some(JsonError::Duplicate), "a member twice"),
            (br#"{"a":1,"\u0061":2}"#, Some(JsonError::Duplicate), "compared after unescaping"),
            (br#"{"o":{"a":1,"a":2}}"#, Some(JsonError::Duplicate), "at any depth"),
            (br#"[{"a":1,"a":2}]"#, Some(JsonError::Duplicate), "inside arrays too"),
            (b"[[[[1]]]]", Some(JsonError::TooDeep), "depth four of three"),
            (b"[[[1]]]", None, "depth three of three"),
            (br#"{"a":1,"b":1,"c":1,"d":1}"#, Some(JsonError::TooManyMembers), "four of three"),
            (b"{} {}", Some(JsonError::Syntax), "two values"),
            (b"\xef\xbb\xbf{}", Some(JsonError::Syntax), "a byte order mark"),
            (b"\"\xff\"", Some(JsonError::Syntax), "not UTF-8"),
            (b"NaN", Some(JsonError::Syntax), "not a JSON number"),
            (b"01", Some(JsonError::Syntax), "a leading zero"),
            (b"1e999", Some(JsonError::Syntax), "beyond every number type"),
            (b" { \"a\" : null }\n", None, "white space is legal"),
        ] {
            assert_eq!(parse_json(text, LIMITS).err(), expected, "{why}: {}", String::from_utf8_lossy(text));
        }
    }
}
