//! Requests that their clients may repeat.

use crate::domain::{Digest256, IdempotencyKey, TokenId};
use crate::token::Bond;

use super::spends::SpendList;

/// A request with an idempotency key: whoever sends both again asks for the token that this request gets.
///
/// Nothing of it is stored but a digest, from which neither the key nor the id of the token can be found.
#[derive(Clone, Copy, Debug)]
pub struct RepeatableRequest<'a> {
    key: &'a IdempotencyKey,
    request: Digest256,
}

/// What the answer depends on beside the request itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    /// What it spends.
    pub(super) spends: &'a SpendList,
    /// The keys it has proven.
    pub(super) bond: Bond,
    /// What its opaque token says, but for id and times. The record behind a handle is written once, so that a repeat cannot say
    /// anything else.
    pub(super) content: Option<Digest256>,
}

impl<'a> RepeatableRequest<'a> {
    /// Ties the key to a request. The digest must cover everything in the request that decides its answer, the subject token included.
    #[must_use]
    pub fn new(key: &'a IdempotencyKey, request: Digest256) -> Self {
        Self { key, request }
    }

    /// Whose spend it is, for the store.
    pub(super) fn owner(&self, circumstances: &Circumstances<'_>) -> Digest256 {
        self.derive(b"cambist replay owner", circumstances)
    }

    /// The `jti` of its token. The same each time, without anybody having to remember it.
    pub(super) fn token_id(&self, circumstances: &Circumstances<'_>) -> TokenId {
        TokenId::derived(&self.derive(b"cambist token id", circumstances))
    }

    /// What its opaque token is made of. The same each time, as its `jti`.
    pub(super) fn secret(&self, circumstances: &Circumstances<'_>) -> [u8; 32] {
        *self.derive(b"cambist opaque secret", circumstances).as_bytes()
    }

    /// Target and mode are part of it: where trust or an issuer's mode changed in between, the same request is another one. It could
    /// otherwise get two different tokens of one id, at two targets. The same goes for the actor and the proven keys; requests without
    /// them are spelled as they were before there were any, so that nodes of both versions recognise them.
    fn derive(&self, purpose: &[u8], circumstances: &Circumstances<'_>) -> Digest256 {
        let Circumstances { spends, bond, content } = circumstances;
        let (mode, audience) = (spends.subject.mode.name(), spends.subject.audience.as_str());
        let actor = spends.actor.as_ref().map(|actor| actor.identity.as_bytes().as_slice());
        let [key, certificate] = [&bond.key, &bond.certificate].map(|bound| bound.as_ref().map(|it| it.digest().as_bytes().as_slice()));
        let fields = [
            Some(purpose),
            Some(self.key.reveal()),
            Some(self.request.as_bytes()),
            Some(mode.as_bytes()),
            Some(audience.as_bytes()),
            actor,
            key,
            certificate,
            content.as_ref().map(|content| content.as_bytes().as_slice()),
        ];
        let (always, rarely) = fields.split_at(5);
        Digest256::of_fields(if rarely.iter().all(Option::is_none) { always } else { &fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Audience, Thumbprint, Timestamp};
    use crate::release::issuance::spends::{Spends, Spent};
    use crate::token::ReplayMode::{self, Once, OncePerTarget};

    /// What a request is, and under which circumstances it is sent.
    #[derive(Clone, Copy)]
    struct Sent {
        key: u8,
        request: &'static str,
        mode: ReplayMode,
        audience: &'static str,
        actor: Option<&'static str>,
        bond: Bond,
        content: Option<&'static str>,
    }

    const SENT: Sent = Sent {
        key: b'k',
        request: "a",
        mode: Once,
        audience: "x",
        actor: None,
        bond: Bond { key: None, certificate: None },
        content: None,
    };

    fn spends(what: Spent, identity: &str, sent: &Sent) -> Spends {
        Spends {
            audience: Audience::parse(sent.audience).unwrap(),
            identity: Digest256::of(identity.as_bytes()),
            issued_at: None,
            mode: sent.mode,
            owner: None,
            refused_from: Timestamp::default(),
            what,
        }
    }

    fn derived(sent: Sent) -> (Digest256, TokenId, [u8; 32]) {
        let key = IdempotencyKey::parse(&char::from(sent.key).to_string().repeat(32)).unwrap();
        let actor = sent.actor.map(|actor| spends(Spent::Actor, actor, &sent));
        let list = SpendList { proof: None, actor, subject: spends(Spent::Subject, "token", &sent) };
        let content = sent.content.map(|content| Digest256::of(content.as_bytes()));
        let circumstances = Circumstances { spends: &list, bond: sent.bond, content };
        let request = RepeatableRequest::new(&key, Digest256::of(sent.request.as_bytes()));
        (request.owner(&circumstances), request.token_id(&circumstances), request.secret(&circumstances))
    }

    #[test]
    fn only_the_same_request_with_the_same_key_has_the_same_owner_and_id() {
        let first = derived(SENT);
        assert_eq!(first, derived(SENT));
        let (key, certificate) = (Some(Thumbprint::of(b"key")), Some(Thumbprint::of(b"certificate")));
        let bound = |key, certificate| Sent { bond: Bond { key, certificate }, ..SENT };
        let others = [
            (Sent { key: b'l', ..SENT }, "another key"),
            (Sent { request: "b", ..SENT }, "another request"),
            (Sent { audience: "y", ..SENT }, "trust now decides for another target"),
            (Sent { mode: OncePerTarget, ..SENT }, "the issuer's mode was changed"),
            (Sent { actor: Some("actor"), ..SENT }, "with an actor"),
            (Sent { actor: Some("another"), ..SENT }, "with another one"),
            (bound(key, None), "bound to a key"),
            (bound(certificate, None), "to another one"),
            (bound(None, key), "to a certificate"),
            (bound(key, certificate), "to both"),
            (Sent { content: Some("this"), ..SENT }, "opaque"),
            (Sent { content: Some("that"), ..SENT }, "opaque, and it would say something else"),
        ];
        let mut all: Vec<_> = others.iter().map(|(sent, _)| derived(*sent)).collect();
        for ((owner, id, secret), (_, why)) in all.iter().zip(others) {
            assert!(*owner != first.0 && *id != first.1 && *secret != first.2, "{why}");
        }
        all.sort_unstable_by_key(|(owner, ..)| *owner.as_bytes());
        all.dedup();
        assert_eq!(all.len(), others.len(), "each is a request of its own");
    }

    #[test]
    fn what_the_store_remembers_does_not_tell_the_id() {
        let (owner, id, secret) = derived(SENT);
        assert_eq!(id.as_str().len(), TokenId::random().as_str().len());
        assert_ne!(TokenId::derived(&owner), id);
        assert!(TokenId::derived(&Digest256::from_bytes(secret)) != id && *owner.as_bytes() != secret);
    }

    #[test]
    fn a_plain_request_is_spelled_as_it_always_was() {
        // SHA-256 over five fields, each behind its length; so nodes of the version before recognise it.
        let request = Digest256::of(b"a");
        let fields: [&[u8]; 5] = [b"cambist replay owner", &[b'k'; 32], request.as_bytes(), b"once", b"x"];
        assert_eq!(derived(SENT).0, Digest256::of_fields(&fields.map(Some)));
    }
}
