//! The only pattern there is.

use std::fmt;

/// An anchored pattern: `*` stands for one or more characters, never `/` and never `:`; everything else for itself.
///
/// There is no `**`, no class, no escape: a pattern that could cross a separator has let strangers in elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Glob(Box<str>);

impl Glob {
    /// Parses a pattern: non-empty, with at least one `*`, none of them adjacent.
    pub fn parse(pattern: &str) -> Result<Self, InvalidGlob> {
        if !pattern.contains('*') {
            return Err(InvalidGlob::Plain);
        }
        if pattern.contains("**") {
            return Err(InvalidGlob::DoubleStar);
        }
        if pattern.len() > 512 || pattern.chars().any(char::is_control) {
            return Err(InvalidGlob::Unreadable);
        }
        Ok(Self(pattern.into()))
    }

    /// Whether the whole of `text` fits.
    ///
    /// Bytes suffice: every character that is compared, and both separators, are the same in UTF-8 wherever they are cut.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        fits(self.0.as_bytes(), text.as_bytes())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Greedy matching with one step back to the last star: linear for one star, at worst quadratic, never exponential.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when a literal does not fit: just after the last star, one more byte of text swallowed by it.
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        let separator = text.get(t).is_none_or(|byte| matches!(byte, b'/' | b':'));
        if pattern.get(p) == Some(&b'*') && !separator {
            resume = Some((p + 1, t + 1));
            (p, t) = (p + 1, t + 1);
        } else if t < text.len() && pattern.get(p) == Some(&text[t]) && pattern[p] != b'*' {
            (p, t) = (p + 1, t + 1);
        } else {
            match resume {
                Some((after_star, swallowed)) if text.get(swallowed).is_some_and(|byte| !matches!(byte, b'/' | b':')) => {
                    resume = Some((after_star, swallowed + 1));
                    (p, t) = (after_star, swallowed + 1);
                }
                _ => return false,
            }
        }
    }
    true
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidGlob {
    /// `**`.
    #[error("`**` does not exist: `*` never crosses `/` or `:`")]
    DoubleStar,
    /// No `*` in it.
    #[error("a glob without `*` is a plain value: write the string itself")]
    Plain,
    /// Too long, or with control characters.
    #[error("a glob has at most 512 bytes and no control characters")]
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_glob_never_crosses_a_separator() {
        for (glob, value, expected, why) in [
            ("refs/heads/release-*", "refs/heads/release-1.2", true, "one segment"),
            ("refs/heads/release-*", "refs/heads/release-1/evil", false, "`*` stops at a slash"),
            ("refs/heads/release-*", "refs/heads/release-1:evil", false, "`*` stops at a colon"),
            ("refs/heads/release-*", "x/refs/heads/release-1", false, "anchored at the start"),
            ("refs/heads/release-*", "refs/heads/release-", false, "`*` is one or more"),
            ("refs/heads/*-rc", "refs/heads/a-rc-rc", true, "the last `-rc` counts"),
            ("refs/heads/*-rc", "refs/heads/a-rc-x", false, "anchored at the end"),
            ("*", "", false, "empty is not one"),
            ("*", "*", true, "a star in the text is a character"),
            ("a*", "a*", true, "also behind a literal"),
            ("*/*", "a/b", true, "two segments"),
            ("*/*", "a/b/c", false, "not three"),
            ("repo:acme/app:ref:refs/heads/*", "repo:acme/app:environment:x:ref:refs/heads/main", false, "no colon is swallowed"),
            ("*\u{e9}", "caf\u{e9}", true, "beyond ASCII"),
            ("caf*", "caf\u{e9}", true, "a character of two bytes is swallowed whole"),
            ("Refs/*", "refs/x", false, "case counts"),
        ] {
            let pattern = Glob::parse(glob).unwrap();
            assert_eq!(pattern.matches(value), expected, "{why}: {glob} vs {value}");
        }
    }

    #[test]
    fn a_glob_is_written_in_one_way() {
        assert_eq!(Glob::parse("a/**"), Err(InvalidGlob::DoubleStar));
        assert_eq!(Glob::parse("main"), Err(InvalidGlob::Plain));
        assert_eq!(Glob::parse(""), Err(InvalidGlob::Plain));
        assert_eq!(Glob::parse("a*\n"), Err(InvalidGlob::Unreadable));
    }

    /// The definition, as slow and as plain as it can be.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => {
                let reach = text.iter().take_while(|c| **c != '/' && **c != ':').count();
                (1..=reach).any(|taken| oracle(rest, &text[taken..]))
            }
            Some((literal, rest)) => text.first() == Some(literal) && oracle(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(pattern in "[ab/:*\u{e9}]{1,8}", text in "[ab/:*\u{e9}]{0,10}") {
            if let Ok(glob) = Glob::parse(&pattern) {
                let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
                prop_assert_eq!(glob.matches(&text), oracle(&p, &t), "{} vs {}", pattern, text);
            }
        }
    }
}
