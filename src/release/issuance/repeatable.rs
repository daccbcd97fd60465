//! Requests that their clients may repeat.

use crate::domain::{Digest256, IdempotencyKey, TokenId};

use super::spends::Spends;

/// A request with an idempotency key: whoever sends both again asks for the token that this request gets.
///
/// Nothing of it is stored but a digest, from which neither the key nor the id of the token can be found.
#[derive(Clone, Copy, Debug)]
pub struct RepeatableRequest<'a> {
    key: &'a IdempotencyKey,
    request: Digest256,
}

impl<'a> RepeatableRequest<'a> {
    /// Ties the key to a request. The digest must cover everything in the request that decides its answer, the subject token included.
    #[must_use]
    pub fn new(key: &'a IdempotencyKey, request: Digest256) -> Self {
        Self { key, request }
    }

    /// Whose spend it is, for the store.
    pub(super) fn owner(&self, spends: &Spends) -> Digest256 {
        self.derive(b"cambist replay owner", spends)
    }

    /// The `jti` of its token. The same each time, without anybody having to remember it.
    pub(super) fn token_id(&self, spends: &Spends) -> TokenId {
        TokenId::derived(&self.derive(b"cambist token id", spends))
    }

    /// Target and mode are part of it: where trust or an issuer's mode changed in between, the same request is another one. It could
    /// otherwise get two different tokens of one id, at two targets.
    fn derive(&self, purpose: &[u8], spends: &Spends) -> Digest256 {
        let (mode, audience) = (spends.mode.name(), spends.audience.as_str());
        Digest256::of_fields(&[
            Some(purpose),
            Some(self.key.reveal()),
            Some(self.request.as_bytes()),
            Some(mode.as_bytes()),
            Some(audience.as_bytes()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Audience, Timestamp};
    use crate::token::ReplayMode::{self, Once, OncePerTarget};

    fn derived(key: u8, request: &[u8], mode: ReplayMode, audience: &str) -> (Digest256, TokenId) {
        let key = IdempotencyKey::parse(&char::from(key).to_string().repeat(32)).unwrap();
        let spends = Spends {
            audience: Audience::parse(audience).unwrap(),
            identity: Digest256::of(b"token"),
            issued_at: None,
            mode,
            owner: None,
            refused_from: Timestamp::default(),
        };
        let request = RepeatableRequest::new(&key, Digest256::of(request));
        (request.owner(&spends), request.token_id(&spends))
    }

    #[test]
    fn only_the_same_request_with_the_same_key_has_the_same_owner_and_id() {
        let first = derived(b'k', b"a", Once, "x");
        assert_eq!(first, derived(b'k', b"a", Once, "x"));
        for (other, why) in [
            (derived(b'l', b"a", Once, "x"), "another key"),
            (derived(b'k', b"b", Once, "x"), "another request"),
            (derived(b'k', b"a", Once, "y"), "trust now decides for another target"),
            (derived(b'k', b"a", OncePerTarget, "x"), "the issuer's mode was changed"),
        ] {
            assert!(first.0 != other.0 && first.1 != other.1, "{why}");
        }
    }

    #[test]
    fn what_the_store_remembers_does_not_tell_the_id() {
        let (owner, id) = derived(b'k', b"a", Once, "x");
        assert_eq!(id.as_str().len(), TokenId::random().as_str().len());
        assert_ne!(TokenId::derived(&owner), id);
    }
}
