//! The lines of the log, before they are linked into the chain.

use crate::domain::{RelationshipName, TargetName};
use crate::policy::Act;
use crate::token::Bond;

use super::body::{Body, LINK_BYTES};
use super::draft::{DecisionDraft, Failed};
use super::{MAX_LINE_BYTES, MAX_UNVERIFIED_LINE_BYTES};

/// How a request ended. The families of `docs/errors.md`, and success.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// No relationship permits it.
    Denied,
    /// A token was released.
    Issued,
    /// Too many requests.
    Limited,
    /// The request is bad.
    Malformed,
    /// The token is bad, or was used before.
    Rejected,
    /// We cannot tell, so no.
    Unavailable,
}

impl Outcome {
    /// The word in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Issued => "issued",
            Self::Limited => "limited",
            Self::Malformed => "malformed",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Why a request got no token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Refusal {
    /// The family.
    pub outcome: Outcome,
    /// The stable reason: a word of `docs/errors.md`.
    pub reason: &'static str,
}

/// What the draft does not know of the issued token.
#[derive(Clone, Copy, Debug)]
pub(super) struct IssuedFacts<'a> {
    pub(super) jti: &'a str,
    pub(super) kid: &'a str,
    pub(super) expires_in: u64,
    /// Who acts for its subject.
    pub(super) act: Option<&'a Act>,
    /// The keys it is bound to.
    pub(super) bond: Bond,
    /// How it looks, when it is no plain JWT.
    pub(super) form: Option<&'static str>,
    /// The same request had spent the subject token before.
    pub(super) repeats: bool,
}

/// How a request ended, for its line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    pub(super) node: &'a str,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<&'static str>,
    pub(super) issued: Option<IssuedFacts<'a>>,
    pub(super) latency_micros: u64,
}

/// What a line leaves out to stay within its limit, each step further than the one before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Omit {
    Nothing,
    ClaimValues,
    ConditionValues,
    Conditions,
}

/// The line of one request: within [`MAX_UNVERIFIED_LINE_BYTES`] before the signature, within [`MAX_LINE_BYTES`] after it.
pub(super) fn decision(draft: &DecisionDraft, ending: &Ending<'_>) -> Vec<u8> {
    let limit = if draft.is_verified() { MAX_LINE_BYTES } else { MAX_UNVERIFIED_LINE_BYTES };
    let mut line = decision_omitting(draft, ending, Omit::Nothing);
    for omit in [Omit::ClaimValues, Omit::ConditionValues, Omit::Conditions] {
        if line.len() + LINK_BYTES <= limit {
            break;
        }
        line = decision_omitting(draft, ending, omit);
    }
    line
}

fn decision_omitting(draft: &DecisionDraft, ending: &Ending<'_>, omit: Omit) -> Vec<u8> {
    let mut body = Body::new("decision", draft.unix_millis, ending.node);
    body.plain("decision", draft.id);
    if let Some(version) = draft.trust_version {
        body.digest("trust_version", Some(version));
    }
    body.text("outcome", ending.outcome.name(), 16);
    body.optional("reason", ending.reason, 48);
    body.optional("grant", draft.grant, 32);
    match &draft.verified {
        Some(who) => {
            body.text("issuer", who.issuer.as_str(), 64);
            body.text("subject", &who.subject, 2048);
            body.optional("target_asked", draft.target_asked.as_deref(), 1024);
            body.optional("scopes_asked", draft.scopes_asked.as_deref(), 2048);
            trusted(&mut body, draft, omit);
        }
        None => unverified(&mut body, draft),
    }
    if let Some(facts) = &ending.issued {
        issued(&mut body, facts);
    }
    if let Some(input) = draft.input {
        body.digest("input_sha256", Some(input));
    }
    if let Some(peer) = draft.peer {
        body.plain("peer", peer);
    }
    body.number("latency_us", ending.latency_micros);
    body.end()
}

/// Of the token itself only what is no secret: who acts, which keys it is bound to, how it looks.
fn issued(body: &mut Body, facts: &IssuedFacts<'_>) {
    body.text("jti", facts.jti, 64);
    body.text("kid", facts.kid, 64);
    body.number("expires_in", facts.expires_in);
    if let Some(act) = facts.act {
        let actors: Vec<_> = act.actors().collect();
        body.json("act", &actors, 512);
    }
    if let Some(key) = facts.bond.key {
        body.plain("bound_key", key);
    }
    if let Some(certificate) = facts.bond.certificate {
        body.plain("bound_certificate", certificate);
    }
    body.optional("form", facts.form, 16);
    if facts.repeats {
        body.raw("repeats", b"true");
    }
}

/// All that a stranger may have made up. The limits keep the whole line within [`MAX_UNVERIFIED_LINE_BYTES`].
fn unverified(body: &mut Body, draft: &DecisionDraft) {
    if draft.claimed_issuer.is_none() && draft.target_asked.is_none() && draft.scopes_asked.is_none() {
        return;
    }
    body.object("unverified", |body| {
        body.optional("issuer", draft.claimed_issuer.as_deref(), 120);
        body.optional("target_asked", draft.target_asked.as_deref(), 80);
        body.optional("scopes_asked", draft.scopes_asked.as_deref(), 80);
    });
}

fn trusted(body: &mut Body, draft: &DecisionDraft, omit: Omit) {
    body.optional("relationship", draft.relationship.as_ref().map(RelationshipName::as_str), 64);
    body.optional("target", draft.target.as_ref().map(TargetName::as_str), 64);
    body.optional("scopes_granted", draft.scopes_granted.as_ref().map(ToString::to_string).as_deref(), 2048);
    if !draft.relationships.is_empty() {
        body.json("relationships", &draft.relationships, 64);
    }
    let claims = draft.claims.json();
    if omit < Omit::ClaimValues && !claims.is_empty() {
        body.members("claims", claims);
    }
    if omit < Omit::Conditions && !draft.failed.is_empty() {
        failed(body, &draft.failed, omit < Omit::ConditionValues);
    }
    if let Some(actor) = &draft.actor {
        body.object("actor", |body| {
            body.text("subject", &actor.subject, 2048);
            body.optional("role", actor.role, 16);
            body.digest("input_sha256", Some(actor.input));
        });
    }
    body.optional("nearest", draft.nearest.as_ref().map(RelationshipName::as_str), 64);
    body.optional("revocation", draft.revocation.as_deref(), 64);
    body.optional("first_used", draft.first_used.map(|at| at.to_string()).as_deref(), 64);
    let omitted: &[u8] = match omit {
        Omit::Nothing => return,
        Omit::ClaimValues => br#"["claims"]"#,
        Omit::ConditionValues => br#"["claims","failed.values"]"#,
        Omit::Conditions => br#"["claims","failed"]"#,
    };
    body.raw("omitted", omitted);
}

fn failed(body: &mut Body, conditions: &[Failed], with_values: bool) {
    body.objects("failed", conditions, |body, condition| {
        body.text("claim", &condition.claim, 256);
        if with_values {
            body.raw("expected", &condition.expected);
            if let Some(actual) = &condition.actual {
                body.raw("actual", actual);
            }
        }
    });
}
