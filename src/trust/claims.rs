//! From TOML values to the values of claims.

use crate::document::{Kind, Table, Value};
use crate::domain::{ClaimPath, ClaimValue, Claims, Number};
use crate::policy::Scalar;

/// A value that a condition may compare with: a string, a boolean or a number. Anything else is reported.
pub(super) fn scalar_of(value: &Value<'_>) -> Option<Scalar> {
    match value.kind() {
        Kind::Text("") => {
            value.error("an empty string matches no claim: leave the condition out, or write the value that must be there");
            None
        }
        Kind::Text(text) => Some(Scalar::Text(text.into())),
        Kind::Bool(flag) => Some(Scalar::Bool(flag)),
        Kind::Integer(integer) => Some(Scalar::Number(number(integer))),
        Kind::Float(float) if float.is_finite() => Some(Scalar::Number(Number::Float(float))),
        Kind::Float(_) => {
            value.error("no token holds such a number");
            None
        }
        Kind::Date(_) | Kind::List(_) | Kind::Table(_) => {
            value.error(format_args!("expected a string, a boolean or a number, found {}", value.type_name()));
            None
        }
        Kind::Unusable => None,
    }
}

/// The same as the scalar of a claim.
pub(super) fn claim_value(scalar: Scalar) -> ClaimValue {
    match scalar {
        Scalar::Bool(flag) => ClaimValue::Bool(flag),
        Scalar::Number(number) => ClaimValue::Number(number),
        Scalar::Text(text) => ClaimValue::Text(text),
    }
}

/// A value as it would stand in a token. What JSON cannot hold is reported, and becomes `null`.
pub(super) fn value_of(value: &Value<'_>) -> ClaimValue {
    match value.kind() {
        Kind::Text(text) => ClaimValue::Text(text.into()),
        Kind::List(items) => ClaimValue::List(items.iter().map(value_of).collect()),
        Kind::Table(table) => claims_of(table),
        Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Date(_) | Kind::Unusable => {
            scalar_of(value).map_or(ClaimValue::Null, claim_value)
        }
    }
}

/// A table as an object.
pub(super) fn claims_of(table: Table<'_>) -> ClaimValue {
    let members = table.entries().into_iter().map(|entry| (entry.key.value.into(), value_of(&entry.value)));
    ClaimValue::Object(Claims::from_distinct(members.collect()))
}

/// `claims` with the value at `path` replaced or added; objects on the way are made where there are none.
pub(super) fn overlay(claims: &Claims, path: &ClaimPath, value: ClaimValue) -> Claims {
    let steps = steps(path);
    let steps: Vec<&str> = steps.iter().map(|step| &**step).collect();
    replaced(claims, &steps, value)
}

fn replaced(claims: &Claims, steps: &[&str], value: ClaimValue) -> Claims {
    let Some((first, rest)) = steps.split_first() else { return claims.clone() };
    let inner = match (claims.get(first), rest.is_empty()) {
        (_, true) => value,
        (Some(ClaimValue::Object(members)), false) => ClaimValue::Object(replaced(members, rest, value)),
        (_, false) => ClaimValue::Object(replaced(&Claims::default(), rest, value)),
    };
    let mut inner = Some(inner);
    let mut members: Vec<(Box<str>, ClaimValue)> = Vec::with_capacity(claims.len() + 1);
    for (name, old) in claims.iter() {
        let new = if name == *first { inner.take() } else { None };
        members.push((name.into(), new.unwrap_or_else(|| old.clone())));
    }
    members.extend(inner.map(|inner| ((*first).into(), inner)));
    Claims::from_distinct(members)
}

/// The names a path leads through (RFC 6901 §4).
fn steps(path: &ClaimPath) -> Vec<String> {
    match path.as_str().strip_prefix('/') {
        None => vec![path.as_str().to_owned()],
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
    }
}

/// Whether the path is a JSON Pointer to a top-level claim that has a plain name: then the plain name is the way to write it.
pub(super) fn needlessly_pointed(path: &ClaimPath) -> Option<String> {
    let steps = path.as_str().starts_with('/').then(|| steps(path))?;
    match steps.as_slice() {
        [only] if !only.is_empty() && !only.starts_with('/') => Some(only.clone()),
        _ => None,
    }
}

/// A TOML integer as a JSON number.
fn number(integer: i64) -> Number {
    u64::try_from(integer).map_or(Number::Negative(integer), Number::Unsigned)
}
