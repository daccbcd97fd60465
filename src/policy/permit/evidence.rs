//! What a permit holds.

use std::sync::Arc;

use crate::domain::{ClaimPath, ClaimValue, Fingerprint, Mark, RelationshipName, Scopes, Seconds, Timestamp, TokenId};
use crate::policy::actor::{ActorRole, Bearer};
use crate::policy::ask::RequestedType;
use crate::policy::assess::{Granted, Parties};
use crate::policy::relationship::TrustRelationship;
use crate::policy::target::{Binding, Target};
use crate::token::{Bond, ProvenKeys, VerifiedToken};

use super::act::Act;

/// A verified token as a request shows it.
#[derive(Debug)]
pub struct Party {
    /// The token.
    pub token: VerifiedToken,
    /// Claims of its issuer by which its exchanges are found again: the immutable ids.
    pub ids: Arc<[ClaimPath]>,
}

/// What a request shows to be permitted something.
#[derive(Debug)]
pub struct Presented {
    /// On whose behalf.
    pub subject: Party,
    /// Who else vouches for it.
    pub actor: Option<Party>,
    /// Keys that the request has proven.
    pub proven: ProvenKeys,
}

/// Evidence that one ask of verified tokens is within one grant, narrowed to it. Only [`super::evaluate()`] and [`super::narrow()`] make
/// one.
#[derive(Debug)]
pub struct Permit {
    pub(super) presented: Presented,
    pub(super) granted: Granted,
    pub(super) subject: Box<str>,
    pub(super) mapped: Vec<(Box<str>, ClaimValue)>,
    pub(super) not_after: Option<Timestamp>,
    pub(super) act: Option<Act>,
    pub(super) line: Vec<TokenId>,
}

impl Presented {
    /// A subject token alone, of an issuer whose claims nobody asks for again, by somebody who has proven no key.
    #[must_use]
    pub fn alone(token: VerifiedToken) -> Self {
        Self { subject: Party { token, ids: Arc::default() }, actor: None, proven: ProvenKeys::default() }
    }

    /// What policy looks at.
    pub(super) fn parties(&self) -> Parties<'_> {
        Parties { subject: self.subject.bearer(), actor: self.actor.as_ref().map(Party::bearer) }
    }
}

impl Party {
    fn bearer(&self) -> Bearer<'_> {
        Bearer { issuer: self.token.issuer_name(), claims: self.token.claims() }
    }

    /// `<issuer name>:<external subject>`: injective, because issuer names hold no colon.
    pub(super) fn subject(&self) -> String {
        format!("{}:{}", self.token.issuer_name(), self.token.subject())
    }
}

impl Permit {
    /// The relationship that permits it: `client_id` of the issued token.
    #[must_use]
    pub fn relationship(&self) -> &RelationshipName {
        &self.granted.relationship.name
    }

    /// The whole rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<TrustRelationship> {
        &self.granted.relationship
    }

    /// The one target.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.granted.target
    }

    /// The scopes, all of them granted.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.granted.scopes
    }

    /// The type of token that was asked for.
    #[must_use]
    pub fn token_type(&self) -> Option<RequestedType> {
        self.granted.token_type
    }

    /// The lifetime, in seconds; at least 1.
    #[must_use]
    pub fn lifetime(&self) -> Seconds {
        self.granted.lifetime
    }

    /// The instant that the issued token must not outlive: of its subject token, when the grant caps it, and of the token it narrows.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// `sub` of the issued token: `<issuer name>:<external subject>`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Claims carried over, under their new names.
    #[must_use]
    pub fn mapped(&self) -> &[(Box<str>, ClaimValue)] {
        &self.mapped
    }

    /// `act` of the issued token.
    #[must_use]
    pub fn act(&self) -> Option<&Act> {
        self.act.as_ref()
    }

    /// `cnf` of the issued token: the key of the proof, when one came, and the certificate, where the target wants that. What bound the
    /// tokens that the permit rests on binds the new one too; it was proven.
    #[must_use]
    pub fn bond(&self) -> Bond {
        let ProvenKeys { key, certificate } = self.presented.proven;
        // Some clients always show a certificate. It binds only where somebody asked for that: elsewhere it would surprise.
        let wanted = self.target().bind == Binding::Mtls || self.tokens().any(|token| token.bond().certificate.is_some());
        Bond { key, certificate: certificate.filter(|_| wanted) }
    }

    /// The `jti` of the token of ours that this permit narrows, or of the one that was narrowed first. It takes the place of the `jti` in
    /// the marks of the new token, which come with it.
    #[must_use]
    pub fn root(&self) -> Option<&TokenId> {
        self.line.first()
    }

    /// The `jti`s of the tokens between the root and the new one, oldest first: whoever of them is taken back takes the new one along.
    #[must_use]
    pub fn ancestors(&self) -> &[TokenId] {
        self.line.get(1..).unwrap_or_default()
    }

    /// The token that it is a permit for.
    #[must_use]
    pub fn token(&self) -> &VerifiedToken {
        &self.presented.subject.token
    }

    /// The actor token, and what becomes of its bearer.
    #[must_use]
    pub fn actor(&self) -> Option<(&VerifiedToken, ActorRole)> {
        let rule = self.granted.relationship.actor.as_ref()?;
        self.presented.actor.as_ref().map(|actor| (&actor.token, rule.role))
    }

    /// Every token that the permit rests on: subject, then actor.
    pub fn tokens(&self) -> impl Iterator<Item = &VerifiedToken> {
        std::iter::once(self.token()).chain(self.presented.actor.as_ref().map(|actor| &actor.token))
    }

    /// The fingerprints of what the new token is to be found by although it does not say it: `jti`, `kid` and `claim <path>` (its value as
    /// JSON) of each token that the permit rests on; for a witness also `issuer` and `subject`. For a subject token of our own its
    /// `kid` and what the actor adds: the rest is in its own marks.
    pub fn each_trait(&self, mut give: impl FnMut(Fingerprint)) {
        let rule = &self.granted.relationship;
        if self.line.is_empty() {
            traits_of(&self.presented.subject, rule.marked(), &mut give);
        } else if let Some(id) = self.token().key_id() {
            // A key of ours that others hold too: what it signed, and what came of it.
            give(Fingerprint::of(Mark::KEY_ID, id));
        }
        if let (Some(actor), Some(wanted)) = (&self.presented.actor, &rule.actor) {
            traits_of(actor, wanted.marked(), &mut give);
            if wanted.role == ActorRole::Witness {
                give(Fingerprint::of(Mark::ISSUER, actor.token.issuer_name().as_str()));
                give(Fingerprint::of(Mark::SUBJECT, &actor.subject()));
            }
        }
    }
}

fn traits_of<'a>(shown: &'a Party, named: impl Iterator<Item = &'a ClaimPath>, give: &mut impl FnMut(Fingerprint)) {
    let token = &shown.token;
    if let Some(id) = token.token_id() {
        give(Fingerprint::of(Mark::TOKEN_ID, id));
    }
    if let Some(id) = token.key_id() {
        give(Fingerprint::of(Mark::KEY_ID, id));
    }
    let mut paths: Vec<&ClaimPath> = shown.ids.iter().chain(named).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut json = Vec::with_capacity(SCALAR_BYTES);
    for path in paths {
        let scalar = |value: &&ClaimValue| matches!(value, ClaimValue::Bool(_) | ClaimValue::Number(_) | ClaimValue::Text(_));
        let Some(value) = token.claims().at(path).filter(scalar) else { continue };
        json.clear();
        if serde_json::to_writer(&mut json, value).is_ok() {
            give(Fingerprint::of_claim(path, &json));
        }
    }
}

/// JSON text of nearly every claim that is no list and no object, in bytes.
const SCALAR_BYTES: usize = 128;
