//! What is known of a request so far.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{Clock, DecisionId, Digest256, IssuerName, RelationshipName, Scopes, TargetName, Timestamp};
use crate::token::VerifiedToken;

use super::text;

/// The record of one request, assembled along the way. What stands in it when the request ends is what the log says.
///
/// Holds no token and no secret. Text of strangers is cut to [`Self::MAX_TEXT_BYTES`] here and escaped when the line is made.
#[derive(Debug)]
pub struct DecisionDraft {
    pub(super) id: DecisionId,
    pub(super) unix_millis: u64,
    pub(super) monotonic: Duration,
    pub(super) peer: Option<IpAddr>,
    pub(super) trust_version: Option<Digest256>,
    pub(super) input: Option<Digest256>,
    pub(super) claimed_issuer: Option<Box<str>>,
    pub(super) target_asked: Option<Box<str>>,
    pub(super) scopes_asked: Option<Box<str>>,
    pub(super) verified: Option<Verified>,
    pub(super) claims: Vec<(Box<str>, Box<[u8]>)>,
    pub(super) relationship: Option<RelationshipName>,
    pub(super) target: Option<TargetName>,
    pub(super) scopes_granted: Option<Scopes>,
    pub(super) failed: Vec<FailedCondition>,
    pub(super) nearest: Option<RelationshipName>,
}

/// Who it is, once the signature says so.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) issuer: IssuerName,
    pub(super) subject: Box<str>,
}

/// A condition that did not hold. Only the record and its readers see expected and actual values.
#[derive(Debug)]
pub struct FailedCondition {
    pub(super) claim: Box<str>,
    pub(super) expected: Box<[u8]>,
    pub(super) actual: Option<Box<[u8]>>,
}

impl FailedCondition {
    /// `claim` as the condition writes it; `actual` is `None` when the token has no such claim.
    #[must_use]
    pub fn new(claim: &str, expected: &impl Serialize, actual: Option<&impl Serialize>) -> Self {
        Self { claim: claim.into(), expected: value(expected), actual: actual.map(value) }
    }
}

impl DecisionDraft {
    /// Longest text of a stranger that a draft keeps, in bytes.
    pub const MAX_TEXT_BYTES: usize = 2048;
    /// Most claims, and most failed conditions, of one record.
    pub const MAX_CLAIMS: usize = 64;
    /// Longest claim value, in bytes of JSON; of a longer one only its size is recorded.
    pub const MAX_VALUE_BYTES: usize = 2048;
    /// Longest string within a claim value, in bytes of escaped JSON; a longer one is cut.
    pub const MAX_VALUE_TEXT_BYTES: usize = 512;

    /// Begins the record of a request that arrives now. The clock is read once, for the time of arrival and for the latency.
    #[must_use]
    pub fn begin(clock: &dyn Clock, peer: Option<IpAddr>) -> Self {
        let unix_millis = clock.unix_millis();
        Self {
            id: DecisionId::random_at(unix_millis),
            unix_millis,
            monotonic: clock.monotonic(),
            peer,
            trust_version: None,
            input: None,
            claimed_issuer: None,
            target_asked: None,
            scopes_asked: None,
            verified: None,
            claims: Vec::new(),
            relationship: None,
            target: None,
            scopes_granted: None,
            failed: Vec::new(),
            nearest: None,
        }
    }

    /// Names the decision, in the answer and in the log.
    #[must_use]
    pub fn id(&self) -> DecisionId {
        self.id
    }

    /// When the request arrived, in whole seconds: the `now` of all that is decided about it.
    #[must_use]
    pub fn arrived(&self) -> Timestamp {
        Timestamp::from_unix(self.unix_millis / 1_000)
    }

    /// Whether the signature was verified: from then on each failure has a line of its own.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified.is_some()
    }

    /// What the request asks for, as it was sent.
    pub fn asked(&mut self, target: Option<&str>, scopes: Option<&str>) {
        self.target_asked = target.map(kept);
        self.scopes_asked = scopes.map(kept);
    }

    /// What the token says about itself, before anybody believes it: `iss`, and the digest of its signing input.
    pub fn presented(&mut self, claimed_issuer: &str, input: Digest256) {
        self.claimed_issuer = Some(kept(claimed_issuer));
        self.input = Some(input);
    }

    /// Which trust decides.
    pub fn trust_version(&mut self, version: Digest256) {
        self.trust_version = Some(version);
    }

    /// Who presents the token.
    pub fn verified(&mut self, token: &VerifiedToken) {
        self.input = Some(token.digest());
        self.identified(token.issuer_name().clone(), token.subject());
    }

    pub(super) fn identified(&mut self, issuer: IssuerName, subject: &str) {
        self.verified = Some(Verified { subject: format!("{issuer}:{subject}").into(), issuer });
    }

    /// Claims worth recording: those that conditions name, plus the preset's ids. The first [`Self::MAX_CLAIMS`] are kept.
    pub fn claims<'a, V: Serialize>(&mut self, selected: impl IntoIterator<Item = (&'a str, V)>) {
        let room = Self::MAX_CLAIMS.saturating_sub(self.claims.len());
        self.claims.extend(selected.into_iter().take(room).map(|(name, found)| (name.into(), value(&found))));
    }

    /// What was permitted.
    pub fn permitted(&mut self, relationship: &RelationshipName, target: &TargetName, scopes: &Scopes) {
        self.relationship = Some(relationship.clone());
        self.target = Some(target.clone());
        self.scopes_granted = Some(scopes.clone());
    }

    /// The relationship that came nearest, and the conditions of it that did not hold. The first [`Self::MAX_CLAIMS`] are kept.
    pub fn missed(&mut self, nearest: Option<&RelationshipName>, failed: impl IntoIterator<Item = FailedCondition>) {
        self.nearest = nearest.cloned();
        self.failed = failed.into_iter().take(Self::MAX_CLAIMS).collect();
    }

    /// The relationship or target that a denial is about, when one was singled out.
    pub fn concerns(&mut self, relationship: Option<&RelationshipName>, target: Option<&TargetName>) {
        self.relationship = relationship.cloned().or(self.relationship.take());
        self.target = target.cloned().or(self.target.take());
    }
}

fn kept(text: &str) -> Box<str> {
    text::prefix(text, DecisionDraft::MAX_TEXT_BYTES).into()
}

fn value(found: &impl Serialize) -> Box<[u8]> {
    let json = text::json(found, DecisionDraft::MAX_VALUE_TEXT_BYTES);
    if json.len() <= DecisionDraft::MAX_VALUE_BYTES {
        return json.into();
    }
    format!(r#"{{"omitted_bytes":{}}}"#, json.len()).into_bytes().into()
}
