//! Which URL, or which trust domain, each issuer name stands for, for ever.
//!
//! Issued subjects begin with the issuer's name (`github:repository_id=…`). A name that came to stand for another issuer would make
//! two different workloads one, so the first id ever used under a name is remembered, and every other is refused.

mod redis;
mod sqlite;

use crate::domain::{IssuerId, IssuerName};
use crate::store::{Store, StoreError};

pub use sqlite::SCHEMA;

/// The name that stands for ourselves.
pub const RESERVED: &str = "self";

/// Binds each name to its id, or finds it bound to that id already. All of them, or none.
///
/// # Errors
/// Every name that is bound to another id, or the failure of the store.
pub async fn bind(store: &Store, issuers: &[(IssuerName, IssuerId)]) -> Result<(), BindingError> {
    if let Some((name, _)) = issuers.iter().find(|(name, _)| name.as_str() == RESERVED) {
        return Err(BindingError::Reserved { name: name.clone() });
    }
    let bound = match store {
        Store::Sqlite(store) => {
            let issuers = issuers.to_vec();
            store.run(move |conn| sqlite::bind_all(conn, &issuers)).await?
        }
        Store::Redis(store) => redis::bind_all(store, issuers).await?,
    };
    let pairs = issuers.iter().zip(bound).filter(|((_, given), bound)| bound != given.as_str());
    let rebound: Vec<_> =
        pairs.map(|((name, given), bound)| Rebound { name: name.clone(), bound: bound.into(), given: given.clone() }).collect();
    if rebound.is_empty() { Ok(()) } else { Err(BindingError::Rebound(rebound)) }
}

/// A name under which another issuer was registered before.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the issuer name `{name}` is bound to {bound} for ever, because issued subjects start with it; register {given} under a new name")]
pub struct Rebound {
    /// The name.
    pub name: IssuerName,
    /// The URL or trust domain it stands for.
    pub bound: Box<str>,
    /// The one it was to stand for.
    pub given: IssuerId,
}

/// Why names were not bound.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BindingError {
    /// Names that stand for other issuers; at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rebound(Vec<Rebound>),
    /// A name that nobody may use.
    #[error("the issuer name `{name}` is reserved; choose another")]
    Reserved {
        /// The name.
        name: IssuerName,
    },
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl BindingError {
    /// The stable word of the process log. No answer has it: it stops a start or a reload, never a request.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Rebound(_) | Self::Reserved { .. } => "issuer_rebound",
            Self::Unavailable(error) => error.trouble().reason(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{IssuerUrl, TrustDomain};
    use crate::store::{OpenMode, SqliteSettings};

    fn issuers(pairs: &[(&str, &str)]) -> Vec<(IssuerName, IssuerId)> {
        pairs.iter().map(|(name, id)| (IssuerName::parse(name).unwrap(), issuer_id(id))).collect()
    }

    fn issuer_id(text: &str) -> IssuerId {
        match text.strip_prefix("spiffe://") {
            Some(domain) => IssuerId::TrustDomain(TrustDomain::parse(domain).unwrap()),
            None => IssuerId::Url(IssuerUrl::parse(text).unwrap()),
        }
    }

    #[tokio::test]
    async fn a_name_stays_bound_to_its_first_issuer() {
        const A: &str = "https://a.example.com";
        const B: &str = "https://b.example.com";
        let directory = tempfile::tempdir().unwrap();
        let settings = SqliteSettings { path: directory.path().join("cambist.db") };
        let mut store = Store::sqlite(&settings, &[SCHEMA], OpenMode::Serve).unwrap();
        for (pairs, expected, why) in [
            (&[("one", A)][..], "", "new"),
            (&[("one", A)], "", "known"),
            (&[("one", B)], "one", "another url"),
            (&[("one", "https://a.example.com/")], "one", "another spelling is another url"),
            (&[("two", B), ("one", B)], "one", "one of several"),
            (&[("two", A)], "", "the refusal before bound nothing"),
            (&[("one", B), ("two", B), ("three", B)], "one two", "all that are wrong are named"),
            (&[("four", A), ("four", B)], "four", "twice in one list"),
            (&[("four", B)], "", "and that bound nothing either"),
            (&[("five", A)], "", "a url may have a second name: a renamed issuer"),
            (&[("mesh", "spiffe://acme.example")], "", "a trust domain"),
            (&[("mesh", "spiffe://acme.test")], "mesh", "another trust domain"),
            (&[("mesh", "https://acme.example")], "mesh", "a url of that host is another issuer"),
            (&[], "", "a name that is no longer used"),
            (&[("one", B)], "one", "stays bound"),
        ] {
            let outcome = bind(&store, &issuers(pairs)).await;
            let named = match &outcome {
                Ok(()) => String::new(),
                Err(BindingError::Rebound(list)) => list.iter().map(|rebound| rebound.name.as_str()).collect::<Vec<_>>().join(" "),
                Err(other) => panic!("{why}: {other}"),
            };
            assert_eq!(named, expected, "{why}");
            drop(store);
            store = Store::sqlite(&settings, &[SCHEMA], OpenMode::Serve).unwrap();
        }
    }

    #[tokio::test]
    async fn our_own_name_is_reserved() {
        let directory = tempfile::tempdir().unwrap();
        let settings = SqliteSettings { path: directory.path().join("cambist.db") };
        let store = Store::sqlite(&settings, &[SCHEMA], OpenMode::Serve).unwrap();
        let outcome = bind(&store, &issuers(&[("self", "https://a.example.com")])).await;
        assert!(matches!(outcome, Err(BindingError::Reserved { .. })), "{outcome:?}");
    }
}
