//! What tells one issuer from another.

use std::fmt;

use super::{IssuerUrl, TrustDomain};

/// Whom tokens come from. The kind is registered, never guessed from a token.
///
/// The texts of the two kinds are distinct: an issuer URL begins with `http`, a trust domain with `spiffe`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum IssuerId {
    /// Its tokens carry this `iss`.
    Url(IssuerUrl),
    /// Its tokens carry a `sub` of this trust domain; their `iss`, if there is one, says nothing.
    TrustDomain(TrustDomain),
}

impl IssuerId {
    /// The exact `iss`, or `spiffe://` and the trust domain: what the replay guard and the store know the issuer by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Url(url) => url.as_str(),
            Self::TrustDomain(domain) => domain.as_uri(),
        }
    }
}

impl fmt::Display for IssuerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
