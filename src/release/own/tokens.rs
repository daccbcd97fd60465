//! Verifying a token that we issued.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::domain::{IssuerName, IssuerUrl, Seconds, Timestamp};
use crate::policy::TrustPolicy;
use crate::release::issuance::{ACCESS_TOKEN, CannotIssue, KeyRing, Keys, SIGNING_ALGORITHMS};
use crate::token::{
    Algorithms, Expectations, KeySet, RejectedToken, ReplayMode, Shown, SubjectRule, UnverifiedToken, VerifiedToken, verify,
};

/// Tells our own access tokens from everything else.
///
/// One of ours has our `iss`, the `typ` of an access token, the audience of a target that is registered today, and a signature by a key
/// that is published today. An encrypted one is none: it is for its target's eyes, and we hold no key that opens it.
pub struct OwnTokens {
    issuer: IssuerUrl,
    keys: Arc<Keys>,
    prepared: ArcSwapOption<Prepared>,
    expected: Expectations,
}

/// The published keys, ready to verify with: parsed once for each document.
struct Prepared {
    document: Arc<[u8]>,
    keys: KeySet,
}

impl OwnTokens {
    /// Of this issuer, signed by this key ring.
    #[must_use]
    pub fn new(issuer: IssuerUrl, keys: Arc<Keys>) -> Self {
        let expected = Expectations {
            issuer: IssuerName::own(),
            // It is presented again and again at its target; whoever may narrow it may do so as often.
            replay: ReplayMode::Reusable,
            audiences: Vec::new(),
            algorithms: Algorithms::from(SIGNING_ALGORITHMS.to_vec()),
            typ: vec![ACCESS_TOKEN.into()],
            typ_required: true,
            extra_audiences: false,
            // What we say of it and what we give for it ends when the token says that it ends.
            leeway: Seconds(0),
            // Another node's clock may be ahead of ours.
            iat_skew: Seconds(10),
            max_lifetime: LONGEST_LIFETIME,
            max_age: None,
            subject: SubjectRule::Sub,
        };
        Self { issuer, keys, prepared: ArcSwapOption::empty(), expected }
    }

    /// Whether `token` claims to be one of ours, by the exact `iss`. It may still be anybody's.
    #[must_use]
    pub fn claims(&self, token: &UnverifiedToken) -> bool {
        token.issuer() == Some(self.issuer.as_str())
    }

    /// Whether the published keys are those of the whole deployment. While they may not be, a key that verifies here may have been dropped
    /// elsewhere as compromised.
    ///
    /// # Errors
    /// As [`Keys::ring_for_issuing`].
    pub fn are_current(&self) -> Result<(), CannotIssue> {
        self.keys.ring_for_issuing().map(|_| ())
    }

    /// Verifies an access token of ours under the trust of today. What comes out is [`VerifiedToken::is_ours`].
    ///
    /// Says nothing about whether it was taken back.
    ///
    /// # Errors
    /// `unknown_issuer` for a token with another `iss`; otherwise as [`verify`].
    pub fn verify(
        &self,
        token: UnverifiedToken,
        policy: &TrustPolicy,
        shown: Shown,
        now: Timestamp,
    ) -> Result<VerifiedToken, RejectedToken> {
        if !self.claims(&token) {
            return Err(RejectedToken::UnknownIssuer);
        }
        let target = token.audience().and_then(|audience| policy.target(audience));
        // Without a target there is no audience that fits, and the token is rejected once its signature was checked.
        let audiences = target.map(|target| target.audience.clone()).into_iter().collect();
        let expected = Expectations { audiences, ..self.expected.clone() };
        verify(token, &self.prepared(&self.keys.ring())?.keys, &expected, shown, now)
    }

    /// The ring's keys. Two requests at once may both prepare them, and agree.
    fn prepared(&self, ring: &KeyRing) -> Result<Arc<Prepared>, RejectedToken> {
        if let Some(prepared) = self.prepared.load_full().filter(|prepared| Arc::ptr_eq(&prepared.document, ring.jwks())) {
            return Ok(prepared);
        }
        let keys = KeySet::parse(ring.jwks(), &self.expected.algorithms).map_err(|_| RejectedToken::KeyNotFound)?;
        let prepared = Arc::new(Prepared { document: Arc::clone(ring.jwks()), keys });
        self.prepared.store(Some(Arc::clone(&prepared)));
        Ok(prepared)
    }
}

impl fmt::Debug for OwnTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnTokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// No token of ours lives longer, in seconds: a target's ceiling is at most this.
const LONGEST_LIFETIME: Seconds = Seconds(3_600);
