//! Stop 3: the tokens of a request, verified, whoever issued them.

use std::sync::Arc;

use crate::domain::{IssuerId, SubjectToken, Timestamp};
use crate::issuers::TrustedIssuer;
use crate::policy::{Party, TrustPolicy};
use crate::release::record::DecisionDraft;
use crate::token::{ProvenKeys, RejectedToken, Shown, UnverifiedToken, verify};

use super::edges::ExchangeEdges;
use super::refusal::{Refusal, Unavailable};
use super::request::{ExchangeRequest, TokenOrigin};
use super::service::Seen;

impl ExchangeEdges {
    /// Verifies the subject token as what the request says it is, and notes what is known of it on the way.
    pub(super) async fn subject(
        &self,
        request: &ExchangeRequest,
        proven: ProvenKeys,
        policy: &TrustPolicy,
        draft: &mut DecisionDraft,
        seen: &mut Seen,
    ) -> Result<Party, Refusal> {
        let resolved = match request.subject.origin {
            TokenOrigin::Own => self.behind(&request.subject.token).await?,
            TokenOrigin::Foreign | TokenOrigin::Spiffe => None,
        };
        let unverified = UnverifiedToken::parse(resolved.as_ref().unwrap_or(&request.subject.token))?;
        draft.presented(unverified.issuer().or(unverified.trust_domain()).unwrap_or_default(), unverified.digest());
        if request.subject.origin == TokenOrigin::Own {
            let token = self.own.verify(unverified, policy, Shown::ByHolder(proven), draft.arrived())?;
            draft.verified(&token, []);
            return Ok(Party { token, ids: Arc::default() });
        }
        // A token belongs to the same issuer by every grant, or it could be used once as each.
        let issuer = self.issuer_of(&unverified)?;
        if request.subject.origin == TokenOrigin::Spiffe && matches!(issuer.settings().id, IssuerId::Url(_)) {
            return Err(RejectedToken::UnknownIssuer.into());
        }
        seen.issuer = Some(issuer.settings().name.clone());
        let party = self.verified(unverified, &issuer, proven, draft.arrived()).await?;
        draft.verified(&party.token, &*party.ids);
        Ok(party)
    }

    /// The token that a handle of ours stands for; `None` when the text is no handle that we gave out and remember.
    async fn behind(&self, text: &SubjectToken) -> Result<Option<SubjectToken>, Refusal> {
        let resolved = self.opaque.resolve(text.reveal()).await;
        resolved.map_err(|fault| Refusal::Unavailable(Unavailable::Store(fault.trouble())))
    }

    /// Verifies the actor token: with the same strictness, whatever the subject token is (RFC 8693 §2.1).
    pub(super) async fn actor(&self, token: &SubjectToken, proven: ProvenKeys, draft: &mut DecisionDraft) -> Result<Party, Refusal> {
        let party = self.vouching(token, proven, draft.arrived()).await.map_err(Refusal::about_actor)?;
        draft.accompanied(&party.token, &*party.ids);
        Ok(party)
    }

    async fn vouching(&self, token: &SubjectToken, proven: ProvenKeys, now: Timestamp) -> Result<Party, Refusal> {
        let unverified = UnverifiedToken::parse(token)?;
        let issuer = self.issuer_of(&unverified)?;
        self.verified(unverified, &issuer, proven, now).await
    }

    fn issuer_of(&self, token: &UnverifiedToken) -> Result<Arc<TrustedIssuer>, RejectedToken> {
        self.issuers.of(token).ok_or(RejectedToken::UnknownIssuer)
    }

    async fn verified(&self, token: UnverifiedToken, issuer: &TrustedIssuer, proven: ProvenKeys, now: Timestamp) -> Result<Party, Refusal> {
        let keys = issuer.keys(&token, now).await?;
        let token = verify(token, &keys, &issuer.settings().expectations, Shown::ByHolder(proven), now)?;
        Ok(Party { token, ids: Arc::clone(&issuer.settings().recorded) })
    }
}
