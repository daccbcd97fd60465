//! The registered claims (RFC 7519 §4.1), each with the type it must have.

use crate::domain::{ClaimValue, Claims, Number, SpiffeId, Timestamp, TrustDomain};

use super::RejectedToken;

/// Longest `sub`, in bytes. OpenID Connect allows 255; customised CI subjects are longer.
const MAX_SUBJECT_BYTES: usize = 1024;
/// Longest `jti`, in bytes.
const MAX_TOKEN_ID_BYTES: usize = 512;
/// Most entries of `aud`.
const MAX_AUDIENCES: usize = 10;
/// Deepest chain of `act` (RFC 8693 §4.1).
const MAX_ACTORS: usize = 4;

/// How a fraction of a second is read: always to the token's disadvantage.
#[derive(Clone, Copy)]
pub(super) enum Round {
    Down,
    Up,
}

/// A NumericDate (RFC 7519 §2): any JSON number of 0 to 2⁵³. `Ok(None)` when absent, `Err(())` when of another type.
pub(super) fn instant(claims: &Claims, name: &str, round: Round) -> Result<Option<Timestamp>, ()> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(ClaimValue::Number(number)) => *number,
        Some(_) => return Err(()),
    };
    let seconds = match number {
        Number::Unsigned(seconds) => seconds,
        Number::Negative(_) => return Err(()),
        Number::Float(seconds) => {
            let whole = match round {
                Round::Down => seconds.floor(),
                Round::Up => seconds.ceil(),
            };
            if !(0.0..=9_007_199_254_740_991.0).contains(&whole) || seconds < 0.0 {
                return Err(());
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53 on this path")]
            let seconds = whole as u64;
            seconds
        }
    };
    if seconds > Timestamp::MAX.unix() { Err(()) } else { Ok(Some(Timestamp::from_unix(seconds))) }
}

/// `sub` (RFC 7519 §4.1.2).
pub(super) fn subject(claims: &Claims) -> Result<&str, RejectedToken> {
    match claims.get("sub") {
        None => Err(RejectedToken::SubjectMissing),
        Some(ClaimValue::Text(subject)) if is_clean(subject, MAX_SUBJECT_BYTES) => Ok(subject),
        Some(_) => Err(RejectedToken::SubjectInvalid),
    }
}

/// `sub` of a JWT-SVID (SPIFFE JWT-SVID §3.1): the SPIFFE ID of a workload of this trust domain.
pub(super) fn spiffe_id<'c>(claims: &'c Claims, domain: &TrustDomain) -> Result<&'c str, RejectedToken> {
    let subject = match claims.get("sub") {
        None => return Err(RejectedToken::SubjectMissing),
        Some(subject) => subject.as_text().ok_or(RejectedToken::SubjectInvalid)?,
    };
    let id = SpiffeId::parse(subject).ok().filter(|id| id.is_of(domain));
    id.map(|id| id.as_str()).ok_or(RejectedToken::SubjectInvalid)
}

/// A text that means the same to every program that stores or shows it.
pub(super) fn is_clean(text: &str, max_bytes: usize) -> bool {
    let misleading = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (1..=max_bytes).contains(&text.len()) && !text.contains(misleading)
}

/// `jti` (RFC 7519 §4.1.7).
pub(super) fn token_id(claims: &Claims) -> Result<Option<&str>, RejectedToken> {
    match claims.get("jti") {
        None => Ok(None),
        Some(ClaimValue::Text(id)) if (1..=MAX_TOKEN_ID_BYTES).contains(&id.len()) => Ok(Some(id)),
        Some(_) => Err(RejectedToken::TokenIdInvalid),
    }
}

/// `aud` as a list (RFC 7519 §4.1.3).
pub(super) fn audiences(claims: &Claims) -> Result<Vec<&str>, RejectedToken> {
    match claims.get("aud") {
        None => Err(RejectedToken::AudienceMissing),
        Some(ClaimValue::Text(audience)) => Ok(vec![audience]),
        Some(ClaimValue::List(items)) if (1..=MAX_AUDIENCES).contains(&items.len()) => {
            items.iter().map(|item| item.as_text().ok_or(RejectedToken::AudienceInvalid)).collect()
        }
        Some(_) => Err(RejectedToken::AudienceInvalid),
    }
}

/// `act` and `may_act`: history and limits that this server must not overlook.
pub(super) fn check_actors(claims: &Claims) -> Result<(), RejectedToken> {
    let mut holder = claims;
    for depth in 0.. {
        match holder.get("act") {
            None => break,
            Some(ClaimValue::Object(actor)) if depth < MAX_ACTORS => holder = actor,
            Some(_) => return Err(RejectedToken::ActorInvalid),
        }
    }
    if claims.get("may_act").is_some_and(|value| value.as_object().is_none()) {
        return Err(RejectedToken::MayActInvalid);
    }
    Ok(())
}
