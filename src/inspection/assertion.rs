//! `private_key_jwt`: a client that signs who it is (RFC 7521 §4.2, RFC 7523 §2.2 and §3).

use crate::domain::{Audience, SubjectToken, Timestamp};
use crate::exchange::{Family, Unavailable};
use crate::issuers::{Clients, KeysError};
use crate::release::replay::{ReplayGuard, SpendError, after_fence};
use crate::token::{ProvenKeys, RejectedToken, Shown, UnverifiedToken, VerifiedToken, verify};

use super::Refused;

/// The one kind of client assertion that we know (RFC 7523 §2.2).
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a form says of the client that sends it. Empty values count as absent.
#[derive(Debug, Default)]
pub struct ClientAssertion {
    /// `client_assertion_type`.
    pub kind: Option<String>,
    /// `client_assertion`.
    pub assertion: Option<SubjectToken>,
    /// `client_id`.
    pub client_id: Option<String>,
}

/// Why an assertion does not authenticate its client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadAssertion {
    /// Another client is named beside it: by `sub`, or by `client_id`.
    ClientMismatch,
    /// One of its two parameters is missing.
    Incomplete,
    /// It is bad in itself.
    Rejected(RejectedToken),
    /// It was used before.
    Replayed,
    /// The client, its key or this assertion was taken back.
    Revoked,
    /// It has no `jti`, so that it could be used again.
    TokenIdMissing,
    /// It is of a kind that we do not know.
    Type,
    /// Nothing shows that a client made it: for this reason, or because no client of that name is registered. To a stranger all of that is
    /// one, or the names of clients could be guessed.
    Unproven(Option<RejectedToken>),
}

impl BadAssertion {
    /// Its family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Incomplete | Self::Type => Family::Malformed,
            Self::Revoked => Family::Denied,
            Self::ClientMismatch | Self::Rejected(_) | Self::Replayed | Self::TokenIdMissing | Self::Unproven(_) => Family::Rejected,
        }
    }

    /// Its stable reason, for us. The caller is not told why an assertion is unproven.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ClientMismatch => "client_mismatch",
            Self::Incomplete | Self::Type => "client_assertion",
            Self::Rejected(rejected) | Self::Unproven(Some(rejected)) => rejected.reason(),
            Self::Replayed => "replayed",
            Self::Revoked => "revoked",
            Self::TokenIdMissing => "jti_missing",
            Self::Unproven(None) => "unknown_client",
        }
    }
}

/// Verifies an assertion without using it up.
pub(super) async fn authenticate(clients: &Clients, shown: ClientAssertion, now: Timestamp) -> Result<VerifiedToken, Refused> {
    let bad = |bad| Err(Refused::Assertion(bad));
    let ClientAssertion { kind: Some(kind), assertion: Some(assertion), client_id } = shown else { return bad(BadAssertion::Incomplete) };
    if kind != CLIENT_ASSERTION_TYPE {
        return bad(BadAssertion::Type);
    }
    let unproven = |why| Refused::Assertion(BadAssertion::Unproven(Some(why)));
    let unverified = UnverifiedToken::parse(&assertion).map_err(unproven)?;
    let Some(client) = unverified.issuer().and_then(|iss| clients.named(iss)) else { return bad(BadAssertion::Unproven(None)) };
    let name = client.settings().name.as_str();
    let keys = client.keys(&unverified, now).await.map_err(|error| match error {
        KeysError::Rejected(why) => unproven(why),
        KeysError::Unavailable => Refused::Unavailable(Unavailable::IssuerKeys),
    })?;
    let holder = Shown::ByHolder(ProvenKeys::default());
    let token = verify(unverified, &keys, &client.settings().expectations, holder, now)
        .map_err(|why| if precedes_signature(why) { unproven(why) } else { Refused::Assertion(BadAssertion::Rejected(why)) })?;
    if token.subject() != name || client_id.is_some_and(|client_id| client_id != name) {
        return bad(BadAssertion::ClientMismatch);
    }
    if token.token_id().is_none() {
        return bad(BadAssertion::TokenIdMissing);
    }
    Ok(token)
}

/// Whether verification says this before, or instead of, a good signature: of header, key and signature. Claims come after.
const fn precedes_signature(why: RejectedToken) -> bool {
    matches!(
        why,
        RejectedToken::AlgorithmMismatch
            | RejectedToken::AlgorithmNotAllowed
            | RejectedToken::BadSignature
            | RejectedToken::KeyAmbiguous
            | RejectedToken::KeyNotFound
            | RejectedToken::KeyUnusable(_)
            | RejectedToken::TypeMismatch
    )
}

/// Uses an assertion up: the next one who shows it is somebody else.
pub(super) async fn use_up(guard: &ReplayGuard, token: &VerifiedToken, audience: &Audience, now: Timestamp) -> Result<(), Refused> {
    guard.spend_alone(token, audience).await.map_err(|error| match error {
        SpendError::Replayed { .. } => Refused::Assertion(BadAssertion::Replayed),
        SpendError::Fenced { until } => Refused::AssertionFenced { retry_after: after_fence(until, now) },
        SpendError::Expired => Refused::Assertion(BadAssertion::Rejected(RejectedToken::Expired { at: token.expires_at() })),
        SpendError::ClockOffset { .. } => Refused::Unavailable(Unavailable::ClockOffset),
        SpendError::Unavailable(error) => Refused::Unavailable(Unavailable::Store(error.trouble())),
    })
}
