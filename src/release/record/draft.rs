//! What is known of a request so far.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{ClaimPath, Claims, Clock, DecisionId, Digest256, IssuerName, RelationshipName, Scopes, TargetName, Timestamp};
use crate::policy::{Denial, FailedCondition, Miss, Permit};
use crate::release::issuance::MintedToken;
use crate::token::VerifiedToken;

use super::members::{ClaimMembers, push_value};
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
    pub(super) grant: Option<&'static str>,
    pub(super) actor: Option<Actor>,
    pub(super) target_asked: Option<Box<str>>,
    pub(super) scopes_asked: Option<Box<str>>,
    pub(super) verified: Option<Verified>,
    pub(super) claims: ClaimMembers,
    pub(super) relationship: Option<RelationshipName>,
    pub(super) target: Option<TargetName>,
    pub(super) scopes_granted: Option<Scopes>,
    pub(super) failed: Vec<Failed>,
    pub(super) relationships: Vec<RelationshipName>,
    pub(super) nearest: Option<RelationshipName>,
    pub(super) first_used: Option<Timestamp>,
    pub(super) revocation: Option<Box<str>>,
}

/// Who it is, once the signature says so.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) issuer: IssuerName,
    pub(super) subject: Box<str>,
}

/// Who else vouches for the subject: the bearer of the actor token.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) subject: Box<str>,
    pub(super) input: Digest256,
    /// What becomes of it, once a relationship says so.
    pub(super) role: Option<&'static str>,
}

/// A condition that did not hold. Only the record and its readers see expected and actual values.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) claim: Box<str>,
    /// In words.
    pub(super) expected: Box<[u8]>,
    /// JSON; `None` when the token has no such claim.
    pub(super) actual: Option<Box<[u8]>>,
}

impl DecisionDraft {
    /// Longest target, and longest list of scopes, as asked, in bytes.
    pub const MAX_ASKED_BYTES: usize = 512;
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
            grant: None,
            actor: None,
            target_asked: None,
            scopes_asked: None,
            verified: None,
            claims: ClaimMembers::default(),
            relationship: None,
            target: None,
            scopes_granted: None,
            failed: Vec::new(),
            relationships: Vec::new(),
            nearest: None,
            first_used: None,
            revocation: None,
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

    /// When it arrived on the monotonic clock, for latencies.
    #[must_use]
    pub fn started(&self) -> Duration {
        self.monotonic
    }

    /// Whether the signature was verified: from then on each failure has a line of its own.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified.is_some()
    }

    /// By which grant.
    pub fn grant(&mut self, grant: Option<&'static str>) {
        self.grant = grant;
    }

    /// Who else vouches for the subject, and its claims that its issuer's preset finds worth recording, as `actor <claim>`.
    pub fn accompanied<'a>(&mut self, actor: &VerifiedToken, recorded: impl IntoIterator<Item = &'a ClaimPath>) {
        let subject = format!("{}:{}", actor.issuer_name(), actor.subject()).into();
        self.actor = Some(Actor { subject, input: actor.digest(), role: None });
        self.claims_as("actor ", actor.claims(), recorded);
    }

    /// What the request asks for, as it was sent.
    pub fn asked(&mut self, target: Option<&str>, scopes: Option<&str>) {
        // Whoever is denied may ask again and again, and each denial has its line.
        self.target_asked = target.map(|text| text::prefix(text, Self::MAX_ASKED_BYTES).into());
        self.scopes_asked = scopes.map(|text| text::prefix(text, Self::MAX_ASKED_BYTES).into());
    }

    /// What the token says about itself, before anybody believes it: `iss`, or else its trust domain, and the digest of its signing input.
    pub fn presented(&mut self, claimed_issuer: &str, input: Digest256) {
        self.claimed_issuer = Some(kept(claimed_issuer));
        self.input = Some(input);
    }

    /// Which trust decides.
    pub fn trust_version(&mut self, version: Digest256) {
        self.trust_version = Some(version);
    }

    /// Who presents the token, and its claims that the issuer's preset finds worth recording.
    pub fn verified<'a>(&mut self, token: &VerifiedToken, recorded: impl IntoIterator<Item = &'a ClaimPath>) {
        self.input = Some(token.digest());
        let (issuer, subject) = (token.issuer_name().clone(), format!("{}:{}", token.issuer_name(), token.subject()));
        self.verified = Some(Verified { issuer, subject: subject.into() });
        self.recorded(token.claims(), recorded);
        // What another issuer says of earlier actors is written down, and never into a token of ours.
        if let Some(act) = token.claims().get("act") {
            self.claims.add("", "act", act);
        }
    }

    /// What was permitted, and the claims that its conditions name.
    pub fn permitted(&mut self, permit: &Permit) {
        self.relationship = Some(permit.relationship().clone());
        self.target = Some(permit.target().name.clone());
        self.recorded(permit.token().claims(), permit.rule().conditions.iter().map(|condition| &*condition.claim));
        if let (Some(actor), Some((token, role)), Some(rule)) = (&mut self.actor, permit.actor(), &permit.rule().actor) {
            actor.role = Some(role.name());
            self.claims_as("actor ", token.claims(), rule.conditions.iter().map(|condition| &*condition.claim));
        }
    }

    /// Everything that a denial knows; the caller is told less.
    pub fn denied(&mut self, denial: &Denial) {
        match denial {
            Denial::ActorFailed(miss) | Denial::Condition(miss) | Denial::NoRelationship { nearest: Some(miss) } => self.missed(miss),
            Denial::NoRelationship { nearest: None } => {}
            Denial::ActorDepth { relationship }
            | Denial::Binding { relationship, .. }
            | Denial::Lifetime { relationship }
            | Denial::LineLength { relationship }
            | Denial::MayAct { relationship }
            | Denial::NotNarrowed { relationship } => self.relationship = Some(relationship.clone()),
            Denial::ActorRequired { relationships }
            | Denial::ActorUnused { relationships }
            | Denial::Ambiguous { relationships }
            | Denial::Scope { relationships }
            | Denial::Target { relationships } => {
                self.relationships = relationships.iter().take(Self::MAX_CLAIMS).cloned().collect();
            }
        }
    }

    /// When a replayed token was spent, by the store's clock: the second user of one token file is found by it.
    pub fn replayed(&mut self, first_used: Timestamp) {
        self.first_used = Some(first_used);
    }

    /// The id of the revocation that refused it.
    pub fn revoked(&mut self, rule: &str) {
        self.revocation = Some(rule.into());
    }

    /// What is about to be released. Taken from the minted token itself, so that the record cannot say anything else.
    pub(super) fn minted(&mut self, minted: &MintedToken) {
        self.relationship = Some(minted.relationship().clone());
        self.target = Some(minted.target().clone());
        self.scopes_granted = Some(minted.scopes().clone());
        // The subject of an issued token is `<issuer>:<subject>` by construction.
        let issuer = minted.subject().split(':').next().and_then(|issuer| IssuerName::parse(issuer).ok());
        self.verified = issuer.map(|issuer| Verified { issuer, subject: minted.subject().into() }).or(self.verified.take());
    }

    pub(super) fn missed(&mut self, miss: &Miss) {
        self.nearest = Some(miss.relationship.clone());
        self.failed = miss.failed.iter().take(Self::MAX_CLAIMS).map(failed).collect();
        for (claim, found) in &miss.held {
            self.claims.add("", claim.as_str(), found);
        }
    }

    /// The first [`Self::MAX_CLAIMS`] are kept, each once.
    pub(super) fn recorded<'a>(&mut self, claims: &Claims, paths: impl IntoIterator<Item = &'a ClaimPath>) {
        self.claims_as("", claims, paths);
    }

    fn claims_as<'a>(&mut self, prefix: &str, claims: &Claims, paths: impl IntoIterator<Item = &'a ClaimPath>) {
        for path in paths {
            if let Some(found) = claims.at(path) {
                self.claims.add(prefix, path.as_str(), found);
            }
        }
    }
}

fn failed(condition: &FailedCondition) -> Failed {
    Failed { claim: condition.claim.as_str().into(), expected: value(&condition.expected), actual: condition.actual.as_ref().map(value) }
}

fn kept(text: &str) -> Box<str> {
    text::prefix(text, DecisionDraft::MAX_TEXT_BYTES).into()
}

fn value(found: &impl Serialize) -> Box<[u8]> {
    let mut json = Vec::new();
    push_value(&mut json, found);
    json.into()
}
