//! Claims of a token: parsed once, kept typed, looked up by name or by JSON Pointer.

use std::cmp::Ordering;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A JSON value as it stood in a token.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimValue {
    /// `null`.
    Null,
    /// `true` or `false`; never equal to the strings of that spelling.
    Bool(bool),
    /// A number; never equal to a string of its digits.
    Number(Number),
    /// A string.
    Text(Box<str>),
    /// An array.
    List(Vec<ClaimValue>),
    /// An object; its names are distinct, because the parser refuses duplicates.
    Object(Claims),
}

impl ClaimValue {
    /// The text of a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Claims> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// Whether the value says nothing: `null`, `""`, `[]` or `{}`. Such a claim satisfies no condition.
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }
}

/// A JSON number, kept as exactly as it was written where that is possible.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A non-negative integer.
    Unsigned(u64),
    /// A negative integer.
    Negative(i64),
    /// Anything with a fraction or an exponent, and integers beyond 64 bits. Always finite.
    Float(f64),
}

impl PartialEq for Number {
    /// Equal by value; an integer equals a float only when the float is that integer exactly.
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Unsigned(a), Self::Unsigned(b)) => a == b,
            (Self::Negative(a), Self::Negative(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b) == Some(Ordering::Equal),
            (Self::Unsigned(int), Self::Float(float)) | (Self::Float(float), Self::Unsigned(int)) => {
                exact_integer(float) == Some(i128::from(int))
            }
            (Self::Negative(int), Self::Float(float)) | (Self::Float(float), Self::Negative(int)) => {
                exact_integer(float) == Some(i128::from(int))
            }
            (Self::Unsigned(_), Self::Negative(_)) | (Self::Negative(_), Self::Unsigned(_)) => false,
        }
    }
}

/// The integer a float stands for, as long as floats still count in ones (below 2⁵³).
fn exact_integer(float: f64) -> Option<i128> {
    const COUNTS_IN_ONES_BELOW: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53 on this path")]
    (float.fract() == 0.0 && float.abs() < COUNTS_IN_ONES_BELOW).then_some(float as i128)
}

/// The members of a JSON object, in the order of the document. Names are distinct.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Vec<(Box<str>, ClaimValue)>);

impl Claims {
    /// Takes members whose names the caller has seen to be distinct.
    #[must_use]
    pub fn from_distinct(members: Vec<(Box<str>, ClaimValue)>) -> Self {
        Self(members)
    }

    /// The claim of that name.
    ///
    /// A linear search: real tokens carry 10 to 40 claims, at most 256.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ClaimValue> {
        self.0.iter().find(|(member, _)| &**member == name).map(|(_, value)| value)
    }

    /// The claim a path leads to.
    #[must_use]
    pub fn at(&self, path: &ClaimPath) -> Option<&ClaimValue> {
        let (first, rest) = path.steps.split_first()?;
        rest.iter().try_fold(self.get(first)?, |value, step| match value {
            ClaimValue::Object(members) => members.get(step),
            ClaimValue::List(items) => list_index(step).and_then(|index| items.get(index)),
            ClaimValue::Null | ClaimValue::Bool(_) | ClaimValue::Number(_) | ClaimValue::Text(_) => None,
        })
    }

    /// The text of a string claim.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(ClaimValue::as_text)
    }

    /// All members.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// RFC 6901 §4: digits without a leading zero.
fn list_index(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with('0');
    (canonical && step.bytes().all(|byte| byte.is_ascii_digit())).then(|| step.parse().ok()).flatten()
}

/// Where a claim stands: a top-level name, or a JSON Pointer (RFC 6901) into nested ones.
///
/// Written as the literal name (`environment`), or, when it starts with `/`, as a pointer (`/kubernetes.io/namespace`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClaimPath {
    steps: Box<[Box<str>]>,
    written: Box<str>,
}

impl ClaimPath {
    /// Parses a path.
    pub fn parse(written: &str) -> Result<Self, InvalidClaimPath> {
        if written.is_empty() || written.len() > 256 || written.chars().any(char::is_control) {
            return Err(InvalidClaimPath("it must have 1 to 256 bytes and no control characters"));
        }
        let steps = match written.strip_prefix('/') {
            None => vec![written.into()],
            Some(pointer) => pointer.split('/').map(unescape).collect::<Result<_, _>>()?,
        };
        Ok(Self { steps: steps.into(), written: written.into() })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The top-level claim it starts from.
    #[must_use]
    pub fn top_level(&self) -> &str {
        self.steps.first().map_or("", |step| step)
    }
}

/// RFC 6901 §3: `~1` is `/`, `~0` is `~`, nothing else may follow a tilde.
fn unescape(step: &str) -> Result<Box<str>, InvalidClaimPath> {
    let mut parts = step.split('~');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.as_bytes().first() {
            Some(b'0') => out.push('~'),
            Some(b'1') => out.push('/'),
            _ => return Err(InvalidClaimPath("in a JSON Pointer `~` is followed by `0` or `1` (RFC 6901 section 3)")),
        }
        out.push_str(&part[1..]);
    }
    Ok(out.into())
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why a text is no claim path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a claim name or JSON Pointer: {0}")]
pub struct InvalidClaimPath(&'static str);

impl Serialize for ClaimValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(Number::Unsigned(value)) => serializer.serialize_u64(*value),
            Self::Number(Number::Negative(value)) => serializer.serialize_i64(*value),
            Self::Number(Number::Float(value)) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(members) => members.serialize(serializer),
        }
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JsonLimits, parse_json};

    #[test]
    fn a_pointer_reaches_into_objects_and_lists_and_a_name_is_literal() {
        let limits = JsonLimits { depth: 16, members: 256 };
        let value = parse_json(br#"{"a/b":1,"kubernetes.io":{"namespace":"web","list":["x"]},"/odd":2}"#, limits);
        let Ok(ClaimValue::Object(claims)) = value else { panic!("an object") };
        for (path, found, why) in [
            ("/kubernetes.io/namespace", true, "nested"),
            ("kubernetes.io/namespace", false, "without the slash it is one literal name"),
            ("a/b", true, "a literal name may hold a slash"),
            ("/a~1b", true, "`~1` is a slash"),
            ("/kubernetes.io/list/0", true, "an index"),
            ("/kubernetes.io/list/00", false, "RFC 6901 section 4: no leading zero"),
            ("/kubernetes.io/list/-", false, "`-` names nothing that exists"),
            ("/~1odd", true, "a name that starts with a slash can still be reached"),
        ] {
            let path = ClaimPath::parse(path).unwrap();
            assert_eq!(claims.at(&path).is_some(), found, "{why}: {path}");
        }
        assert!(ClaimPath::parse("/a~2").is_err());
    }

    #[test]
    fn numbers_are_equal_by_value_and_never_by_rounding() {
        use Number::{Float, Negative, Unsigned};
        for (a, b, equal) in [
            (Unsigned(7), Float(7.0), true),
            (Unsigned(7), Float(7.5), false),
            (Negative(-7), Float(-7.0), true),
            (Unsigned(9_007_199_254_740_993), Float(9_007_199_254_740_992.0), false),
            (Unsigned(u64::MAX), Float(18_446_744_073_709_551_616.0), false),
        ] {
            assert_eq!(a == b, equal, "{a:?} {b:?}");
            assert_eq!(b == a, equal, "{b:?} {a:?}");
        }
    }
}
