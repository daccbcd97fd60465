//! Names that administrators give.

use std::fmt;
use std::sync::Arc;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name is 1 to 64 characters of `a-z`, `0-9` and `-`")]
pub struct InvalidName;

fn check(text: &str) -> Result<(), InvalidName> {
    let well_formed =
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if well_formed { Ok(()) } else { Err(InvalidName) }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// Invariant: 1 to 64 characters of `a-z`, `0-9` and `-`. Cheap to clone.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                check(text).map(|()| Self(text.into()))
            }

            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The name of a registered client: the `client_id` by which it authenticates. Never the name of a relationship as well.
    ClientName
    /// The name of a trusted issuer. Issued subjects start with it, so it stays bound to one URL for ever.
    IssuerName
    /// The name of a trust relationship: the `client_id` of the tokens it permits.
    RelationshipName
    /// The name of a target.
    TargetName
}

impl IssuerName {
    /// Under which tokens of our own are verified.
    #[must_use]
    pub fn own() -> Self {
        Self(OWN.into())
    }

    /// Whether it means this server. No issuer is registered under it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        &*self.0 == OWN
    }
}

const OWN: &str = "self";
