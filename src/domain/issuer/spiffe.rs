//! SPIFFE IDs and trust domains (SPIFFE ID standard §2).

use std::fmt;
use std::sync::Arc;

const SCHEME: &str = "spiffe://";

/// A trust domain (SPIFFE ID §2.1): one authority over the identities of one set of workloads.
///
/// Invariant: 1 to 255 characters of `a-z`, `0-9`, `.`, `-` and `_`. Compared byte for byte. Cheap to clone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Parses the bare name, such as `acme.example`.
    pub fn parse(name: &str) -> Result<Self, InvalidTrustDomain> {
        if is_name(name) { Ok(Self(format!("{SCHEME}{name}").into())) } else { Err(InvalidTrustDomain) }
    }

    /// The bare name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[SCHEME.len()..]
    }

    /// The trust domain as a SPIFFE ID without a path.
    #[must_use]
    pub fn as_uri(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no trust domain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a trust domain is 1 to 255 characters of `a-z`, `0-9`, `.`, `-` and `_`, without `spiffe://`")]
pub struct InvalidTrustDomain;

/// A SPIFFE ID (SPIFFE ID §2), borrowed from the claim it stands in.
///
/// Strict, because parsers that are not disagree about whose identity it is: no upper case in scheme and trust domain, no port, no
/// user, no query, no fragment, no percent-encoding, no empty, `.` or `..` segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SpiffeId<'a> {
    text: &'a str,
    /// Where the path begins, which may be the end.
    path_at: usize,
}

impl<'a> SpiffeId<'a> {
    /// Longest SPIFFE ID, in bytes (SPIFFE ID §2.3).
    pub const MAX_BYTES: usize = 2048;

    /// Parses a SPIFFE ID.
    pub fn parse(text: &'a str) -> Result<Self, InvalidSpiffeId> {
        let rest = text.strip_prefix(SCHEME).ok_or(InvalidSpiffeId)?;
        let name = rest.split('/').next().unwrap_or_default();
        let path = &rest[name.len()..];
        let well_formed = text.len() <= Self::MAX_BYTES && is_name(name) && is_path(path);
        if well_formed { Ok(Self { text, path_at: SCHEME.len() + name.len() }) } else { Err(InvalidSpiffeId) }
    }

    /// The whole.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Its trust domain, in the spelling of [`TrustDomain::as_uri`].
    #[must_use]
    pub fn trust_domain_uri(&self) -> &'a str {
        &self.text[..self.path_at]
    }

    /// What follows the trust domain: empty, or segments that each begin with a slash.
    #[must_use]
    pub fn path(&self) -> &'a str {
        &self.text[self.path_at..]
    }

    /// Whether it belongs to this trust domain.
    #[must_use]
    pub fn is_of(&self, domain: &TrustDomain) -> bool {
        self.trust_domain_uri() == domain.as_uri()
    }
}

/// Why a text is no SPIFFE ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a SPIFFE ID: write spiffe://trust-domain/path, without empty segments, percent-encoding, query and a slash at the end")]
pub struct InvalidSpiffeId;

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    (1..=TrustDomain::MAX_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

/// Empty, or segments that each begin with a slash (SPIFFE ID §2.2).
fn is_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed);
    path.strip_prefix('/').map_or(path.is_empty(), |segments| segments.split('/').all(is_segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_is_parsed_strictly() {
        let long = |bytes: usize| format!("spiffe://acme.example/{}", "a".repeat(bytes - "spiffe://acme.example/".len()));
        for (text, domain, why) in [
            ("spiffe://acme.example/ns/payments/sa/ledger", Some("spiffe://acme.example"), "the usual form"),
            ("spiffe://acme.example", Some("spiffe://acme.example"), "the trust domain itself"),
            ("spiffe://a-b_c.9/Upper.Case_9-z", Some("spiffe://a-b_c.9"), "every character that is allowed"),
            ("spiffe://acme.example/...", Some("spiffe://acme.example"), "three dots are a name"),
            (&long(2048), Some("spiffe://acme.example"), "as long as may be"),
            (&long(2049), None, "longer"),
            ("", None, "nothing"),
            ("https://acme.example/x", None, "another scheme"),
            ("SPIFFE://acme.example/x", None, "scheme in upper case"),
            ("spiffe:/acme.example/x", None, "one slash"),
            ("spiffe:///x", None, "no trust domain"),
            ("spiffe://", None, "no trust domain, no path"),
            ("spiffe://Acme.example/x", None, "trust domain in upper case"),
            ("spiffe://acme.example:8443/x", None, "a port"),
            ("spiffe://user@acme.example/x", None, "a user"),
            ("spiffe://acme%2eexample/x", None, "percent-encoding in the trust domain"),
            ("spiffe://akmé.example/x", None, "not ASCII"),
            ("spiffe://acme.example/", None, "a slash at the end"),
            ("spiffe://acme.example/a/", None, "a slash at the end of the path"),
            ("spiffe://acme.example//a", None, "an empty segment"),
            ("spiffe://acme.example/a/./b", None, "a dot segment"),
            ("spiffe://acme.example/a/../b", None, "a segment that leads up"),
            ("spiffe://acme.example/a%2fb", None, "percent-encoding in the path"),
            ("spiffe://acme.example/a b", None, "a space"),
            ("spiffe://acme.example/a:b", None, "a colon"),
            ("spiffe://acme.example/a?b", None, "a query"),
            ("spiffe://acme.example#b", None, "a fragment"),
            ("spiffe://acme.example\\evil/a", None, "a backslash"),
        ] {
            assert_eq!(SpiffeId::parse(text).ok().map(|id| id.trust_domain_uri()), domain, "{why}: {text}");
        }
    }

    #[test]
    fn a_spiffe_id_belongs_to_its_own_trust_domain_only() {
        let domain = TrustDomain::parse("acme.example").unwrap();
        for (text, own) in [
            ("spiffe://acme.example/x", true),
            ("spiffe://acme.example.evil.example/x", false),
            ("spiffe://evil.example/acme.example", false),
            ("spiffe://acme.exampl/e", false),
        ] {
            assert_eq!(SpiffeId::parse(text).unwrap().is_of(&domain), own, "{text}");
        }
    }

    #[test]
    fn a_trust_domain_is_a_bare_name() {
        for (text, valid, why) in [
            ("acme.example", true, "the usual form"),
            ("spiffe://acme.example", false, "with the scheme"),
            ("acme.example/x", false, "with a path"),
            ("ACME.example", false, "upper case"),
            ("", false, "empty"),
            (&*"a".repeat(255), true, "as long as may be"),
            (&*"a".repeat(256), false, "longer"),
        ] {
            let parsed = TrustDomain::parse(text);
            assert_eq!(parsed.is_ok(), valid, "{why}: {text}");
            assert!(parsed.is_err() || parsed.is_ok_and(|domain| domain.name() == text));
        }
    }
}
