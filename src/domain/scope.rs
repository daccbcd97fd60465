//! Scopes of RFC 6749 §3.3.

use std::fmt;
use std::sync::Arc;

/// One scope-token: 1 to [`Self::MAX_BYTES`] of `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3). Case-sensitive.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Longest scope-token, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Parses one scope-token.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let well_formed =
            (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidScope) }
    }

    /// The text of the scope.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of scopes, sorted and without duplicates. May be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scopes(Box<[Scope]>);

impl Scopes {
    /// Parses the form of the wire: scope-tokens with single spaces between them (RFC 6749 §3.3).
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        text.split(' ').map(Scope::parse).collect::<Result<Vec<_>, _>>().map(Self::from)
    }

    /// Whether every scope of `self` is in `ceiling`.
    #[must_use]
    pub fn within(&self, ceiling: &Self) -> bool {
        self.0.iter().all(|scope| ceiling.0.binary_search(scope).is_ok())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(mut scopes: Vec<Scope>) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }
}

impl fmt::Display for Scopes {
    /// The form of the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text is no scope-token, or a list of them has other separators than single spaces.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a scope is made of printable ASCII without space, quote and backslash (RFC 6749 section 3.3)")]
pub struct InvalidScope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_rfc_6749_holds() {
        for (text, valid, why) in [
            ("read write", true, "two scopes"),
            ("deploy:web", true, "punctuation is legal"),
            ("a a", true, "a set: once"),
            ("", false, "empty"),
            (" a", false, "leading space"),
            ("a  b", false, "double space"),
            ("a\"b", false, "quote"),
            ("a\\b", false, "backslash"),
            ("caf\u{e9}", false, "not ASCII"),
            ("a\tb", false, "another separator"),
        ] {
            assert_eq!(Scopes::parse(text).is_ok(), valid, "{why}: {text:?}");
        }
        assert_eq!(Scopes::parse("b a a").unwrap().to_string(), "a b");
    }
}
