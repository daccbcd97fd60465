//! From a handle to the token behind it.

use crate::domain::SubjectToken;
use crate::release::issuance::{Handle, OpaqueRecord};
use crate::release::replay::{redis, sqlite};
use crate::store::{Store, StoreError};

/// Explains opaque tokens to whoever may ask. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpaqueTokens {
    store: Store,
}

impl OpaqueTokens {
    /// On the store in which [`crate::release::replay::ReplayGuard`] keeps them.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The signed JWT behind a handle: still to be verified like any other, its expiry included. `None` for what is no handle of ours
    /// (the store is not asked), and for one that nobody knows any more.
    ///
    /// # Errors
    /// When the store does not answer: nothing is known of the token then.
    pub async fn resolve(&self, token: &str) -> Result<Option<SubjectToken>, StoreError> {
        let Some(handle) = Handle::parse(token) else { return Ok(None) };
        let name = handle.name();
        let sealed = match &self.store {
            Store::Sqlite(store) => store.read(move |conn| sqlite::find(conn, &name)).await?,
            Store::Redis(store) => redis::find(store, handle.bucket(), name).await?,
        };
        // What does not open was not sealed for this handle.
        Ok(sealed.and_then(|sealed| OpaqueRecord::open(&handle, &sealed)))
    }
}
