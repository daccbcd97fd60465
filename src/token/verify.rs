//! The one function that turns an unverified token into a verified one.

use crate::domain::{Audience, Claims, IssuerName, Seconds, Timestamp};

use super::bond::{Bond, Shown};
use super::claims::{Round, audiences, check_actors, instant, token_id};
use super::jws::is_media_type;
use super::subject::SubjectRule;
use super::{Algorithms, KeySet, RejectedToken, ReplayMode, UnverifiedToken, VerifiedToken};

/// What tokens of one issuer must look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectations {
    /// The name under which the issuer is registered.
    pub issuer: IssuerName,
    /// How often one of its tokens may be exchanged.
    pub replay: ReplayMode,
    /// Accepted `aud` values; at least one.
    pub audiences: Vec<Audience>,
    /// Accepted algorithms; at least one.
    pub algorithms: Algorithms,
    /// Accepted `typ` values beside absent, `JWT` and `application/jwt`.
    pub typ: Vec<Box<str>>,
    /// Whether `typ` must be one of these: absent, `JWT` and `application/jwt` are refused as well. So for tokens of our own, of which there
    /// are several kinds.
    pub typ_required: bool,
    /// Whether `aud` may hold audiences that are not ours.
    pub extra_audiences: bool,
    /// Clock difference tolerated for `exp` and `nbf`, in seconds.
    pub leeway: Seconds,
    /// How far `iat` may lie ahead, in seconds; never more than 10, because the replay fence counts on it.
    pub iat_skew: Seconds,
    /// Longest `exp - iat`, in seconds.
    pub max_lifetime: Seconds,
    /// Longest time since `iat`, in seconds.
    pub max_age: Option<Seconds>,
    /// What identifies the subject.
    pub subject: SubjectRule,
}

impl Expectations {
    /// Whether `iat` must be there: where tokens are spent (the replay fence compares it) and where their age is bounded.
    #[must_use]
    pub fn require_issued_at(&self) -> bool {
        self.replay != ReplayMode::Reusable || self.max_age.is_some()
    }
}

/// Verifies signature and claims (RFC 7519 §7.2, RFC 8725 §3, RFC 7523 §3).
///
/// The signature comes before every claim, so that a forged token learns nothing about what is expected. A token that is bound to a key
/// passes only for a presenter who has proven it.
pub fn verify(
    token: UnverifiedToken,
    keys: &KeySet,
    expected: &Expectations,
    shown: Shown,
    now: Timestamp,
) -> Result<VerifiedToken, RejectedToken> {
    check_header(&token, expected)?;
    let (key, key_id) = keys.select(token.key_id(), token.algorithm())?;
    let key_id = key_id.map(Box::from);
    if !key.verifies(token.algorithm(), token.signing_input.as_bytes(), &token.signature) {
        return Err(RejectedToken::BadSignature);
    }
    check_audience(&token.claims, expected)?;
    let times = check_times(&token.claims, expected, now)?;
    let subject = expected.subject.external(&token.claims)?;
    token_id(&token.claims)?;
    check_actors(&token.claims)?;
    let bond = Bond::read(&token.claims)?;
    bond.check(shown)?;
    let issuer = match (&expected.subject, token.issuer()) {
        (SubjectRule::SpiffeId(domain), _) => domain.as_uri(),
        (SubjectRule::Sub | SubjectRule::Claims(_), Some(issuer)) => issuer,
        (SubjectRule::Sub | SubjectRule::Claims(_), None) => return Err(RejectedToken::IssuerMissing),
    };
    let issuer = issuer.into();
    Ok(VerifiedToken::new(token, Found { times, issuer, subject, bond, key_id }, expected))
}

/// Algorithm and `typ`: cheap, and about the header only. Also called before keys are fetched for a token.
pub(super) fn check_header(token: &UnverifiedToken, expected: &Expectations) -> Result<(), RejectedToken> {
    if !expected.algorithms.allow(token.algorithm()) {
        return Err(RejectedToken::AlgorithmNotAllowed);
    }
    let listed = |typ: &str| expected.typ.iter().any(|allowed| is_media_type(typ, allowed.trim_start_matches("application/")));
    let typ_fits = match token.header.typ.as_deref() {
        None => !expected.typ_required,
        Some(typ) => listed(typ) || !expected.typ_required && is_media_type(typ, "jwt"),
    };
    if typ_fits { Ok(()) } else { Err(RejectedToken::TypeMismatch) }
}

impl UnverifiedToken {
    /// Whether the token could be accepted if its signature were good: asked before a key is fetched for it, so that a stranger's
    /// stale or misdirected token causes no request. What it says is believed for that purpose only.
    pub fn is_plausible(&self, expected: &Expectations, now: Timestamp) -> Result<(), RejectedToken> {
        check_header(self, expected)?;
        check_audience(&self.claims, expected)?;
        check_times(&self.claims, expected, now).map(|_| ())
    }
}

fn check_audience(claims: &Claims, expected: &Expectations) -> Result<(), RejectedToken> {
    let audiences = audiences(claims)?;
    let ours = |audience: &&str| expected.audiences.iter().any(|own| own.as_str() == *audience);
    if !audiences.iter().any(ours) {
        return Err(RejectedToken::AudienceMismatch);
    }
    if audiences.len() > 1 && !expected.extra_audiences {
        return Err(RejectedToken::AudienceMultiple);
    }
    Ok(())
}

/// What verification found in a token.
pub(super) struct Found {
    pub(super) times: Times,
    pub(super) issuer: Box<str>,
    pub(super) subject: Box<str>,
    pub(super) bond: Bond,
    pub(super) key_id: Option<Box<str>>,
}

/// The instants of a token that were found to be in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) expires_at: Timestamp,
    pub(super) issued_at: Option<Timestamp>,
    /// `exp + leeway`: from then on no clock of ours accepts the token.
    pub(super) refused_from: Timestamp,
}

fn check_times(claims: &Claims, expected: &Expectations, now: Timestamp) -> Result<Times, RejectedToken> {
    let expires_at = instant(claims, "exp", Round::Down).map_err(|()| RejectedToken::ExpiryInvalid)?;
    let expires_at = expires_at.ok_or(RejectedToken::ExpiryMissing)?;
    let not_before = instant(claims, "nbf", Round::Up).map_err(|()| RejectedToken::NotBeforeInvalid)?;
    let issued_at = instant(claims, "iat", Round::Up).map_err(|()| RejectedToken::IssuedAtInvalid)?;

    let refused_from = expires_at + expected.leeway;
    if now >= refused_from {
        return Err(RejectedToken::Expired { at: expires_at });
    }
    if let Some(from) = not_before.filter(|from| *from > now + expected.leeway) {
        return Err(RejectedToken::NotYetValid { from });
    }
    match issued_at {
        None if expected.require_issued_at() => return Err(RejectedToken::IssuedAtMissing),
        Some(at) if at > now + expected.iat_skew => return Err(RejectedToken::IssuedInFuture { at }),
        None | Some(_) => {}
    }
    // Without `iat` the rest of the life is bounded instead.
    if expires_at.since(issued_at.unwrap_or(now)) > expected.max_lifetime {
        return Err(RejectedToken::LifetimeExceeded);
    }
    if let (Some(max_age), Some(at)) = (expected.max_age, issued_at)
        && now.since(at) > max_age
    {
        return Err(RejectedToken::TooOld);
    }
    Ok(Times { expires_at, issued_at, refused_from })
}
