//! The URL of an issuer.

use std::fmt;
use std::sync::Arc;

use ::url::{Host, Url};

/// The `iss` of an issuer: a trusted one, or our own (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
///
/// Invariant: `https` (`http` for a loopback host only), a host, no query, fragment or credentials, ASCII without spaces, at most
/// [`Self::MAX_BYTES`] bytes. Compared byte for byte and never normalised: two spellings are two issuers.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerUrl(Arc<str>);

impl IssuerUrl {
    /// Longest issuer URL, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Parses an issuer URL.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuerUrl> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidIssuerUrl("it is longer than 1024 bytes"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
            return Err(InvalidIssuerUrl("it holds a space, a backslash, a control or a non-ASCII character"));
        }
        let url = Url::parse(text).map_err(|_| InvalidIssuerUrl("it is not an absolute URL"))?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(InvalidIssuerUrl("it has no host")),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(InvalidIssuerUrl("`http` is allowed for a loopback host only; write `https`")),
            _ => return Err(InvalidIssuerUrl("its scheme is not `https`")),
        }
        if text.contains(['?', '#']) {
            return Err(InvalidIssuerUrl("it has a query or a fragment"));
        }
        if text.contains('@') && (!url.username().is_empty() || url.password().is_some() || authority(text).contains('@')) {
            return Err(InvalidIssuerUrl("it holds credentials"));
        }
        Ok(Self(text.into()))
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the URL without a terminating `/`: empty for an issuer that is only a host.
    #[must_use]
    pub fn path(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let path = self.0[after_scheme..].find('/').map_or("", |at| &self.0[after_scheme + at..]);
        path.strip_suffix('/').unwrap_or(path)
    }

    /// Scheme, host and port: everything before the path.
    #[must_use]
    pub fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[after_scheme..].find('/').map_or(self.0.len(), |at| after_scheme + at);
        &self.0[..end]
    }

    /// `suffix` appended to the issuer as OpenID Connect Discovery 1.0 §4 does it: a terminating `/` is removed first.
    #[must_use]
    pub fn join(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.0.strip_suffix('/').unwrap_or(&self.0))
    }
}

fn authority(text: &str) -> &str {
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    text[after_scheme..].split('/').next().unwrap_or_default()
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for IssuerUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Why a text is no issuer URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an issuer URL: {0}")]
pub struct InvalidIssuerUrl(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_url_is_https_and_bare() {
        for (text, valid, why) in [
            ("https://issuer.example", true, "the usual form"),
            ("https://issuer.example/", true, "a trailing slash is legal and kept"),
            ("https://issuer.example/realms/a@b", true, "an `@` in the path is no credential"),
            ("http://127.0.0.1:8080", true, "loopback may speak http"),
            ("http://localhost:8080", true, "loopback by name"),
            ("http://issuer.example", false, "plain http elsewhere"),
            ("https://u:p@issuer.example", false, "credentials"),
            ("https://@issuer.example", false, "empty credentials"),
            ("https://issuer.example?x", false, "query"),
            ("https://issuer.example/#", false, "fragment"),
            ("https://issuer.example/ ", false, "space"),
            ("https://issuer.example\\x", false, "backslash"),
            ("issuer.example", false, "relative"),
            ("ftp://issuer.example", false, "scheme"),
            ("https://", false, "no host"),
        ] {
            assert_eq!(IssuerUrl::parse(text).is_ok(), valid, "{why}: {text}");
        }
    }

    #[test]
    fn the_parts_of_an_issuer_url_are_cut_from_its_text() {
        for (text, origin, path, joined) in [
            ("https://h", "https://h", "", "https://h/x"),
            ("https://h/", "https://h", "", "https://h/x"),
            ("https://h:1/t1", "https://h:1", "/t1", "https://h:1/t1/x"),
            ("https://h/t1/", "https://h", "/t1", "https://h/t1/x"),
        ] {
            let issuer = IssuerUrl::parse(text).unwrap();
            assert_eq!((issuer.origin(), issuer.path(), &*issuer.join("/x")), (origin, path, joined));
        }
    }
}
