//! The conductor: the whole story of an exchange in one function.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::{DecisionId, IssuerName, TargetName};
use crate::issuers::KeysError;
use crate::limits::{Limited, Spendables};
use crate::policy::{Denial, Presented, TrustPolicy, evaluate, narrow};
use crate::release::issuance::{Occasion, ProofSpend, SigningFailed, Spent, mint};
use crate::release::record::{self, DecisionDraft, Outcome, Room};
use crate::release::replay::{NotSpent, SpendError, SpendOutcome, SpentToken, after_fence};
use crate::revocation::{Cleared, NotCleared};
use crate::token::{ProvenKeys, RejectedProof, RejectedToken, VerifiedProof};

use super::edges::{Answer, ExchangeEdges, Observed};
use super::refusal::{Family, Refusal, Unavailable};
use super::request::{ExchangeRequest, GrantType, Malformed, Parameters, TokenOrigin};

/// Exchanges subject tokens for issued tokens.
pub struct ExchangeService(ExchangeEdges);

impl ExchangeService {
    /// Puts the conductor in front of its instruments.
    #[must_use]
    pub fn new(edges: ExchangeEdges) -> Self {
        Self(edges)
    }

    /// Performs one exchange: answers with the token, or says why there is none. Either way it is recorded first.
    ///
    /// To be run in a task of its own: a caller that goes away must not stop it between the spend and the record.
    pub async fn exchange(&self, parameters: Parameters, peer: Option<IpAddr>) -> Answer {
        let mut draft = self.begin(peer);
        let mut seen = Seen { by_proof: parameters.proof.is_some(), ..Seen::default() };
        match self.decide(parameters, &mut draft, &mut seen).await {
            Ok(ready) => self.release(ready, draft, &seen).await,
            Err(refusal) => self.refuse(draft, refusal, &seen).await,
        }
    }

    /// Records a request that was turned away before it was read: too large, not a form, not a POST, one too many.
    #[must_use]
    pub fn turned_away(&self, family: Family, reason: &'static str, peer: Option<IpAddr>) -> DecisionId {
        let draft = self.begin(peer);
        let (decision, started) = (draft.id(), draft.started());
        self.0.log.noted(&draft, record::Refusal { outcome: outcome(family), reason });
        self.observe(&Seen::default(), family.name(), reason, started);
        decision
    }

    fn begin(&self, peer: Option<IpAddr>) -> DecisionDraft {
        DecisionDraft::begin(&*self.0.clock, peer)
    }

    /// Stops 2 to 7 up to the spend: what comes out is spent, and released by nothing but its record.
    async fn decide(&self, parameters: Parameters, draft: &mut DecisionDraft, seen: &mut Seen) -> Result<Ready, Refusal> {
        let now = draft.arrived();
        seen.grant = parameters.grant_type.as_deref().and_then(GrantType::from_urn);
        draft.grant(seen.grant.map(GrantType::name));
        let request = ExchangeRequest::parse(parameters)?;
        draft.asked(request.ask.target.as_deref(), request.ask.scopes.as_ref().map(ToString::to_string).as_deref());

        let proof = self.0.proof(request.proof.as_ref(), now)?;
        let proven = ProvenKeys { key: proof.as_ref().map(VerifiedProof::key), certificate: request.certificate };

        let (trust, keys) = (self.0.trust.load_full(), self.0.keys.ring().version());
        let subject = self.0.subject(&request, proven, &trust.policy, draft, seen).await?;
        let actor = match &request.actor {
            Some(token) => Some(self.0.actor(token, proven, draft).await?),
            None => None,
        };
        let digests = (subject.token.digest(), actor.as_ref().map(|actor| actor.token.digest()));

        draft.trust_version(trust.version);
        let cleared = self.clear(&trust.policy, Presented { subject, actor, proven }, &request, draft, seen)?;
        let presented = Spendables::of(cleared.permit(), proof.as_ref());
        self.0.limits.admit_permit(cleared.permit(), &presented)?;

        let ring = self.0.keys.ring_for_issuing().map_err(|_| Refusal::Unavailable(Unavailable::Signing))?;
        if request.subject.origin == TokenOrigin::Own && ring.version() != keys {
            // What a key signed that is gone meanwhile gets no signature of one that stays.
            return Err(Refusal::Unavailable(Unavailable::Signing));
        }
        // Before anything is spent for a token that would be dead.
        let key_id = ring.key_id(cleared.permit().target().algorithm)?;
        self.0.revocations.admits_signing(key_id, now).map_err(not_signing)?;
        let proof = proof.as_ref().map(spend_of);
        let occasion = Occasion { now, proof, repeatable: request.repeatable(digests, proven) };
        let minted = mint(cleared, &ring, &self.0.issuer, occasion)?;
        let room = self.0.log.reserve().map_err(|_| Refusal::Unavailable(Unavailable::Log))?;
        let spent = match self.0.guard.spend(minted).await {
            Ok(SpendOutcome::Spent(spent)) => spent,
            Ok(SpendOutcome::Repeated(repeated)) => repeated.mint_again(&ring, &self.0.issuer)?,
            Err(not_spent) => return Err(self.not_spent(not_spent, &presented, draft)),
        };
        // The store took its time, and the process may have been stopped: meanwhile this node may have confirmed a revocation, or know too
        // little. What is spent stays spent.
        self.0.revocations.is_clear(spent.permit(), now)?;
        Ok(Ready { spent, room })
    }

    /// What is refused for good uses up nobody's limit when it comes again.
    fn not_spent(&self, not_spent: NotSpent, presented: &Spendables, draft: &mut DecisionDraft) -> Refusal {
        let spent = match not_spent.what {
            Spent::Proof => &presented.proof,
            Spent::Actor => &presented.actor,
            Spent::Subject => &presented.subject,
        };
        if let (Some(spent), SpendError::Replayed { .. } | SpendError::Fenced { .. }) = (spent, &not_spent.why) {
            self.0.limits.note_spent(spent.clone());
        }
        unspent(not_spent, draft)
    }

    /// Stop 4: what policy says of it, and whether that still stands. Nothing waits here, so nothing of it
    /// is kept while a store is asked.
    fn clear(
        &self,
        policy: &TrustPolicy,
        presented: Presented,
        request: &ExchangeRequest,
        draft: &mut DecisionDraft,
        seen: &mut Seen,
    ) -> Result<Cleared, Refusal> {
        let now = draft.arrived();
        let permit = match request.subject.origin {
            TokenOrigin::Own => narrow(policy, presented, &request.ask, now)?,
            TokenOrigin::Foreign | TokenOrigin::Spiffe => evaluate(policy, presented, &request.ask, now)?,
        };
        seen.target = Some(permit.target().name.clone());
        draft.permitted(&permit);
        Ok(self.0.revocations.clear(permit, now)?)
    }

    async fn release(&self, ready: Ready, draft: DecisionDraft, seen: &Seen) -> Answer {
        let (decision, started) = (draft.id(), draft.started());
        match self.0.log.release(ready.spent, ready.room, draft).await {
            Ok(issued) => {
                self.observe(seen, Outcome::Issued.name(), "", started);
                Answer { decision, grant: seen.grant, nonce: self.0.nonce(seen.by_proof), result: Ok(issued) }
            }
            Err(_) => self.unrecorded(decision, started, seen),
        }
    }

    async fn refuse(&self, mut draft: DecisionDraft, refusal: Refusal, seen: &Seen) -> Answer {
        let (decision, started) = (draft.id(), draft.started());
        match &refusal {
            Refusal::Denied(denial) => draft.denied(denial),
            Refusal::Revoked { rule } => draft.revoked(rule.as_str()),
            _ => {}
        }
        let entry = record::Refusal { outcome: outcome(refusal.family()), reason: refusal.reason() };
        let recorded = if draft.is_verified() {
            self.0.log.refused(draft, entry, None).await
        } else {
            self.0.log.noted(&draft, entry);
            Ok(())
        };
        if recorded.is_err() {
            return self.unrecorded(decision, started, seen);
        }
        self.observe(seen, refusal.family().name(), refusal.reason(), started);
        // Whoever is told that a proof is missing learns in the same answer what to put into it.
        let about_proofs = seen.by_proof || refusal.wants_proof();
        Answer { decision, grant: seen.grant, nonce: self.0.nonce(about_proofs), result: Err(refusal) }
    }

    /// Nothing is released, not even an answer about trust, that is not recorded.
    fn unrecorded(&self, decision: DecisionId, started: Duration, seen: &Seen) -> Answer {
        let refusal = Refusal::Unavailable(Unavailable::Log);
        self.observe(seen, refusal.family().name(), refusal.reason(), started);
        Answer { decision, grant: seen.grant, nonce: None, result: Err(refusal) }
    }

    fn observe(&self, seen: &Seen, outcome: &'static str, reason: &'static str, started: Duration) {
        let latency = self.0.clock.monotonic().saturating_sub(started);
        let (issuer, target) = (seen.issuer.as_ref(), seen.target.as_ref());
        (self.0.observe)(&Observed { grant: seen.grant, issuer, target, outcome, reason, latency });
    }
}

/// What metrics may know of a request: registered names only.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) grant: Option<GrantType>,
    pub(super) issuer: Option<IssuerName>,
    /// Whether a DPoP proof came.
    by_proof: bool,
    target: Option<TargetName>,
}

/// A token that is spent, and the room for its record.
struct Ready {
    spent: SpentToken,
    room: Room,
}

const fn outcome(family: Family) -> Outcome {
    match family {
        Family::Malformed => Outcome::Malformed,
        Family::Rejected => Outcome::Rejected,
        Family::Denied => Outcome::Denied,
        Family::Limited => Outcome::Limited,
        Family::Unavailable => Outcome::Unavailable,
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<RejectedProof> for Refusal {
    fn from(rejected: RejectedProof) -> Self {
        Self::Proof(rejected)
    }
}

impl From<RejectedToken> for Refusal {
    fn from(rejected: RejectedToken) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<KeysError> for Refusal {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Rejected(rejected) => Self::Rejected(rejected),
            KeysError::Unavailable => Self::Unavailable(Unavailable::IssuerKeys),
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        // Nobody's trust is missing here: the request holds a token that means nothing to any relationship.
        if matches!(denial, Denial::ActorUnused { .. }) { Self::Malformed(Malformed::ActorUnused) } else { Self::Denied(denial) }
    }
}

impl From<Limited> for Refusal {
    fn from(limited: Limited) -> Self {
        Self::Limited(limited)
    }
}

impl From<NotCleared> for Refusal {
    fn from(not_cleared: NotCleared) -> Self {
        match not_cleared {
            NotCleared::Revoked { rule } => Self::Revoked { rule },
            NotCleared::Stale => Self::Unavailable(Unavailable::Revocations),
        }
    }
}

impl From<SigningFailed> for Refusal {
    fn from(_: SigningFailed) -> Self {
        Self::Unavailable(Unavailable::Signing)
    }
}

/// The key is at fault, not what was presented.
fn not_signing(not_cleared: NotCleared) -> Refusal {
    match not_cleared {
        NotCleared::Revoked { .. } => Refusal::Unavailable(Unavailable::Signing),
        NotCleared::Stale => not_cleared.into(),
    }
}

fn spend_of(proof: &VerifiedProof) -> ProofSpend {
    ProofSpend { identity: proof.identity(), issued_at: proof.issued_at(), refused_from: proof.refused_from() }
}

/// Whose fault it is follows from what was not spent: what came before it is burnt, and nothing is released.
fn unspent(NotSpent { what, why }: NotSpent, draft: &mut DecisionDraft) -> Refusal {
    let now = draft.arrived();
    if let SpendError::Replayed { first_at: Some(first_at) } = why {
        draft.replayed(first_at);
    }
    match &why {
        SpendError::Replayed { .. } => Refusal::Replayed { what },
        SpendError::Fenced { until } => Refusal::Fenced { what, until: *until, retry_after: after_fence(*until, now) },
        SpendError::Expired if what == Spent::Proof => Refusal::Proof(RejectedProof::IssuedAt),
        SpendError::Expired => Refusal::Rejected(RejectedToken::Expired { at: now }),
        SpendError::ClockOffset { .. } => Refusal::Unavailable(Unavailable::ClockOffset),
        SpendError::Unavailable(error) => Refusal::Unavailable(Unavailable::Store(error.trouble())),
    }
}
