//! What a token says that rules compare.

use std::borrow::Cow;

use crate::domain::{ClaimValue, Claims, Seconds, Timestamp};
use crate::token::VerifiedToken;

use super::{CLOCK_MARGIN, INBOUND_MARGIN};

/// One token, as rules see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts<'a> {
    /// `iat`, when there is one.
    pub(super) issued_at: Option<Timestamp>,
    /// How long after a cut-off its `iat` may be and it is cut off nevertheless.
    pub(super) margin: Seconds,
    /// Names of issuers: of the token, or of everybody an own token speaks for.
    pub(super) issuers: Vec<&'a str>,
    /// `<issuer name>:<subject>` of everybody it speaks for.
    pub(super) subjects: Vec<Cow<'a, str>>,
    /// Relationships that it was exchanged by, or is to be.
    pub(super) relationships: Vec<&'a str>,
    /// Audiences that it was issued for, or is to be exchanged for.
    pub(super) targets: Vec<&'a str>,
    /// `jti`, and of a narrowed token those of all that it comes from, the first of them last.
    pub(super) token_ids: Vec<&'a str>,
    /// `kid`.
    pub(super) key_id: Option<&'a str>,
    /// Its claims, where rules about claims look at them: in what an issuer said.
    pub(super) claims: Option<&'a Claims>,
    /// Whether we issued it.
    pub(super) ours: bool,
    /// Marks of what it came from.
    pub(super) marks: Vec<&'a str>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(token: &'a VerifiedToken) -> Self {
        let facts = if token.is_ours() { Self::own(token.claims()) } else { Self::presented(token) };
        Self { issued_at: token.issued_at(), key_id: token.key_id(), ..facts }
    }

    /// What an issuer said.
    fn presented(token: &'a VerifiedToken) -> Self {
        let issuer = token.issuer_name().as_str();
        Self {
            margin: INBOUND_MARGIN + CLOCK_MARGIN,
            issuers: vec![issuer],
            subjects: vec![format!("{issuer}:{}", token.subject()).into()],
            token_ids: token.token_id().into_iter().collect(),
            claims: Some(token.claims()),
            ..Self::default()
        }
    }

    /// What we said of somebody.
    fn own(claims: &'a Claims) -> Self {
        let actors = std::iter::successors(actor(claims), |claims| actor(claims));
        let subjects: Vec<&str> = std::iter::once(claims).chain(actors).filter_map(|claims| claims.text("sub")).collect();
        let texts = |name: &str| match claims.get(name) {
            Some(ClaimValue::Text(text)) => vec![&**text],
            Some(ClaimValue::List(items)) => items.iter().filter_map(ClaimValue::as_text).collect(),
            _ => Vec::new(),
        };
        Self {
            margin: CLOCK_MARGIN,
            issuers: subjects.iter().filter_map(|subject| subject.split_once(':')).map(|(issuer, _)| issuer).collect(),
            subjects: subjects.into_iter().map(Cow::Borrowed).collect(),
            relationships: claims.text("client_id").into_iter().collect(),
            targets: texts("aud"),
            // The first of the line comes last: marks are made for it.
            token_ids: claims.text("jti").into_iter().chain(texts("ancestors")).chain(claims.text("root_jti")).collect(),
            marks: texts("rvk"),
            ours: true,
            ..Self::default()
        }
    }

    /// A client's word about itself. Its name stands where names of relationships do, which share none with clients; whatever else it says
    /// is about no exchange.
    pub(super) fn client(assertion: &'a VerifiedToken) -> Self {
        Self {
            issued_at: assertion.issued_at(),
            margin: INBOUND_MARGIN + CLOCK_MARGIN,
            relationships: vec![assertion.issuer()],
            token_ids: assertion.token_id().into_iter().collect(),
            key_id: assertion.key_id(),
            ..Self::default()
        }
    }

    /// A token of ours that this key is about to sign, whatever it says.
    pub(super) fn signed_now(key_id: &'a str, now: Timestamp) -> Self {
        Self { issued_at: Some(now), margin: CLOCK_MARGIN, key_id: Some(key_id), ours: true, ..Self::default() }
    }

    /// The same token, used under this relationship for this audience.
    pub(super) fn used(mut self, relationship: &'a str, audience: &'a str) -> Self {
        self.relationships.push(relationship);
        self.targets.push(audience);
        self
    }
}

fn actor(claims: &Claims) -> Option<&Claims> {
    claims.get("act")?.as_object()
}
