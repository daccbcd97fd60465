//! The making of a token.

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::domain::{Digest256, IssuerUrl, Seconds, Timestamp, TokenId, random_bytes};
use crate::policy::{Permit, TokenFormat, TokenKind};
use crate::release::issuance::key_ring::{ACCESS_TOKEN, KeyRing, SigningFailed};
use crate::release::issuance::minted::{MintedToken, Times};
use crate::release::issuance::opaque::{Handle, OpaqueRecord};
use crate::release::issuance::repeatable::{Circumstances, RepeatableRequest};
use crate::release::issuance::replay_key::ReplayKey;
use crate::release::issuance::spends::{ProofSpend, SpendList};
use crate::revocation::Cleared;
use crate::token::{MAX_TOKEN_BYTES, ReplayMode};

use super::claims::{IssuedClaims, Own, RESERVED};

/// What a request brings to the minting of its token, beside its permit.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// When it arrived: `iat`.
    pub now: Timestamp,
    /// The DPoP proof that came with it, to be spent.
    pub proof: Option<ProofSpend>,
    /// Whether its client may repeat it.
    pub repeatable: Option<RepeatableRequest<'a>>,
}

/// Signs the token that a permit describes which nothing has taken back, with the key of its target's algorithm. Pure, but for a random `jti`; the `jti` for a
/// repeatable request is derived from it.
///
/// It expires after the permitted lifetime, and not later than the permit allows.
pub fn mint(cleared: Cleared, ring: &KeyRing, issuer: &IssuerUrl, occasion: Occasion<'_>) -> Result<MintedToken, SigningFailed> {
    let permit = cleared.into_permit();
    if permit.mapped().iter().any(|(name, _)| RESERVED.contains(&&**name)) {
        return Err(SigningFailed::ReservedClaim);
    }
    let Occasion { now, proof, repeatable } = occasion;
    let actor = permit.actor().map(|(token, _)| token);
    let mut spends = SpendList::of(permit.token(), &permit.target().audience).and_actor(actor).and_proof(proof);
    // Of a reusable token nothing is remembered, so its request cannot be told from an earlier one: each is an exchange of its own.
    let repeatable = repeatable.filter(|_| spends.subject.mode != ReplayMode::Reusable);
    let opaque = permit.target().format == TokenFormat::Opaque;
    let names = match repeatable {
        None => Names { id: TokenId::random(), secret: opaque.then(|| Zeroizing::new(random_bytes())) },
        Some(request) => {
            let content = if opaque { Some(content(&permit, ring, issuer)?) } else { None };
            let circumstances = Circumstances { spends: &spends, bond: permit.bond(), content };
            let secret = opaque.then(|| Zeroizing::new(request.secret(&circumstances)));
            let (owner, id) = (request.owner(&circumstances), request.token_id(&circumstances));
            spends = spends.owned_by(owner);
            Names { id, secret }
        }
    };
    let times = times(&permit, now);
    let (jwt, key_id) = sign(&IssuedClaims { permit: &permit, issuer, own: Some(Own { id: &names.id, times }) }, ring)?;
    if jwt.expose_secret().len() > MAX_TOKEN_BYTES {
        return Err(SigningFailed::TooLarge);
    }
    let (sealed, record) = match &names.secret {
        None => (encrypted(jwt, &permit)?, None),
        Some(secret) => {
            let handle = Handle::new(bucket(&spends), secret);
            let record = OpaqueRecord::seal(&handle, &jwt, times.expires_at).ok_or(SigningFailed::Crypto)?;
            (handle.into_text(), Some(record))
        }
    };
    Ok(MintedToken { id: names.id, key_id, minted_at: now, permit, record, sealed, spends, times })
}

impl MintedToken {
    /// Makes it again with other times. Same `jti`, same permit; still sealed.
    ///
    /// A handle stays what it is: the record behind it was written by the first of all equal requests, and has these times.
    pub(in crate::release) fn at(self, times: Times, ring: &KeyRing, issuer: &IssuerUrl) -> Result<Self, SigningFailed> {
        if self.record.is_some() {
            return Ok(Self { times, ..self });
        }
        let (jwt, key_id) = sign(&IssuedClaims { permit: &self.permit, issuer, own: Some(Own { id: &self.id, times }) }, ring)?;
        let sealed = encrypted(jwt, &self.permit)?;
        Ok(Self { key_id, sealed, times, ..self })
    }
}

/// What a token is called, and, when its bearer is to see nothing else, what its handle is made of.
struct Names {
    id: TokenId,
    secret: Option<Zeroizing<[u8; 32]>>,
}

/// Signs the claims; gives the token, readable by anybody, and the `kid`.
fn sign(claims: &IssuedClaims<'_>, ring: &KeyRing) -> Result<(SecretString, Box<str>), SigningFailed> {
    let target = claims.permit.target();
    let typ = match target.kind {
        TokenKind::AccessToken => ACCESS_TOKEN,
        TokenKind::AuthorizationGrant => "JWT",
    };
    let json = claims.json()?;
    let (jwt, key_id) = ring.sign(target.algorithm, typ, &json)?;
    Ok((jwt.into(), key_id))
}

/// The token as its bearer gets it: encrypted, where the target has registered a key for that.
fn encrypted(jwt: SecretString, permit: &Permit) -> Result<SecretString, SigningFailed> {
    match &permit.target().encryption {
        None => Ok(jwt),
        Some(key) => key.encrypt(jwt.expose_secret()).map(SecretString::from).map_err(|_| SigningFailed::Crypto),
    }
}

fn times(permit: &Permit, now: Timestamp) -> Times {
    let longest = match permit.target().kind {
        TokenKind::AccessToken => permit.lifetime(),
        TokenKind::AuthorizationGrant => permit.lifetime().min(LONGEST_GRANT),
    };
    let expires_at = now + longest;
    Times { issued_at: now, expires_at: permit.not_after().map_or(expires_at, |end| expires_at.min(end)) }
}

/// What a repeat must say again behind the same handle: all but `jti` and times, and who signs it.
fn content(permit: &Permit, ring: &KeyRing, issuer: &IssuerUrl) -> Result<Digest256, SigningFailed> {
    let json = IssuedClaims { permit, issuer, own: None }.json()?;
    let key_id = ring.key_id(permit.target().algorithm)?;
    Ok(Digest256::of_fields(&[Some(key_id.as_bytes()), Some(&json)]))
}

/// Where the record of a handle goes: beside that of the subject token, which is written in the same step; anywhere, when nothing is
/// remembered of that.
fn bucket(spends: &SpendList) -> u8 {
    ReplayKey::of(&spends.subject).map_or_else(|| random_bytes::<1>()[0], |key| key.bucket())
}

/// Longest life of an authorization grant, in seconds (identity chaining): it is presented at once, and only once.
const LONGEST_GRANT: Seconds = Seconds(60);
