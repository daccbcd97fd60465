//! One test on one claim.

use std::fmt;
use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, Claims, Number};

use super::glob::Glob;

/// One test on one claim. A claim that is missing, `null` or empty satisfies none.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Which claim. Shared: a hundred thousand relationships name the same few.
    pub claim: Arc<ClaimPath>,
    /// How it is compared.
    pub matcher: ClaimMatcher,
}

impl Condition {
    /// Whether the claims satisfy it.
    #[must_use]
    pub fn holds(&self, claims: &Claims) -> bool {
        claims.at(&self.claim).is_some_and(|value| !value.is_vacant() && self.matcher.matches(value))
    }
}

/// How a claim is compared. Bytes and types count; nothing is normalised or converted.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimMatcher {
    /// Equals this value.
    Exact(Scalar),
    /// Equals one of these values.
    OneOf(Box<[Scalar]>),
    /// A string that fits the pattern.
    Glob(Glob),
    /// An array that holds this value.
    Contains(Scalar),
    /// Equals none of these values. Comes from a preset's `refuse`, cannot be written in a relationship.
    NoneOf(Arc<[Scalar]>),
}

impl ClaimMatcher {
    /// Whether the value fits.
    #[must_use]
    pub fn matches(&self, value: &ClaimValue) -> bool {
        match self {
            Self::Exact(expected) => expected.equals(value),
            Self::OneOf(expected) => expected.iter().any(|one| one.equals(value)),
            Self::Glob(glob) => value.as_text().is_some_and(|text| glob.matches(text)),
            Self::Contains(expected) => {
                matches!(value, ClaimValue::List(items) if items.iter().any(|item| expected.equals(item)))
            }
            Self::NoneOf(refused) => {
                let scalar = matches!(value, ClaimValue::Bool(_) | ClaimValue::Number(_) | ClaimValue::Text(_));
                scalar && !refused.iter().any(|one| one.equals(value))
            }
        }
    }

    /// The values it pins the claim to; none for patterns and the like.
    #[must_use]
    pub fn pinned(&self) -> &[Scalar] {
        match self {
            Self::Exact(value) => std::slice::from_ref(value),
            Self::OneOf(values) => values,
            Self::Glob(_) | Self::Contains(_) | Self::NoneOf(_) => &[],
        }
    }
}

impl fmt::Display for ClaimMatcher {
    /// For the decision record: what was expected, in words and JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, values: &[Scalar]| {
            values.iter().enumerate().try_for_each(|(index, value)| write!(f, "{}{value}", if index == 0 { "" } else { ", " }))
        };
        match self {
            Self::Exact(value) => write!(f, "{value}"),
            Self::OneOf(values) => f.write_str("one of ").and_then(|()| list(f, values)),
            Self::Glob(glob) => write!(f, "like {glob}"),
            Self::Contains(value) => write!(f, "an array with {value}"),
            Self::NoneOf(values) => f.write_str("none of ").and_then(|()| list(f, values)),
        }
    }
}

/// A value that a condition compares with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, never empty.
    Text(Box<str>),
}

impl Scalar {
    /// Equal in type and value.
    #[must_use]
    pub fn equals(&self, value: &ClaimValue) -> bool {
        match (self, value) {
            (Self::Bool(a), ClaimValue::Bool(b)) => a == b,
            (Self::Number(a), ClaimValue::Number(b)) => a == b,
            (Self::Text(a), ClaimValue::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Scalar {
    /// As JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Self::Bool(value) => ClaimValue::Bool(*value),
            Self::Number(value) => ClaimValue::Number(*value),
            Self::Text(value) => ClaimValue::Text(value.clone()),
        };
        f.write_str(&serde_json::to_string(&value).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JsonLimits, parse_json};

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.into())
    }

    #[test]
    fn types_and_bytes_count_and_an_absent_claim_matches_nothing() {
        let exact = |value| ClaimMatcher::Exact(value);
        for (matcher, json, expected, why) in [
            (exact(text("prod")), r#""prod""#, true, "equal"),
            (exact(text("prod")), r#""Prod""#, false, "case counts"),
            (exact(text("k")), r#""\u212a""#, false, "no case folding of the Kelvin sign"),
            (exact(text("prod")), r#"["prod"]"#, false, "an array is not its element"),
            (exact(text("true")), "true", false, "a boolean is not its spelling"),
            (exact(Scalar::Bool(true)), r#""true""#, false, "a spelling is not a boolean"),
            (exact(Scalar::Bool(true)), "1", false, "nor is a number"),
            (exact(Scalar::Bool(true)), "true", true, "typed"),
            (exact(Scalar::Number(Number::Unsigned(7))), "7", true, "typed"),
            (exact(Scalar::Number(Number::Unsigned(7))), r#""7""#, false, "digits are not a number"),
            (ClaimMatcher::OneOf([text("a"), text("b")].into()), r#""b""#, true, "any of"),
            (ClaimMatcher::OneOf([text("a"), text("b")].into()), r#""c""#, false, "none of them"),
            (ClaimMatcher::Contains(text("ops")), r#"["dev","ops"]"#, true, "in the array"),
            (ClaimMatcher::Contains(text("ops")), r#""ops""#, false, "a string is no array"),
            (ClaimMatcher::Contains(text("ops")), r#"["devops"]"#, false, "whole elements"),
            (ClaimMatcher::Glob(Glob::parse("*").unwrap()), r#""""#, false, "empty matches nothing"),
            (ClaimMatcher::Glob(Glob::parse("*").unwrap()), "7", false, "a pattern is for strings"),
            (ClaimMatcher::NoneOf([text("fork")].into()), r#""push""#, true, "not refused"),
            (ClaimMatcher::NoneOf([text("fork")].into()), r#""fork""#, false, "refused"),
            (ClaimMatcher::NoneOf([text("fork")].into()), r#"["fork"]"#, false, "an array hides nothing"),
            (ClaimMatcher::NoneOf([text("fork")].into()), "null", false, "vacant claims satisfy nothing, not even this"),
        ] {
            let json = format!(r#"{{"c":{json}}}"#);
            let parsed = parse_json(json.as_bytes(), JsonLimits { depth: 4, members: 4 }).unwrap();
            let condition = Condition { claim: ClaimPath::parse("c").unwrap().into(), matcher };
            assert_eq!(condition.holds(parsed.as_object().unwrap()), expected, "{why}: {} vs {json}", condition.matcher);
            assert!(!condition.holds(&Claims::default()), "absent: {}", condition.matcher);
        }
    }
}
