//! Subject tokens, and the issuers that mint them.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::cli::dev_issuer::MintRequest;
use cambist::domain::{TokenId, random_bytes};
use cambist::exchange::TOKEN_EXCHANGE;
use cambist::token::Algorithm;
use serde_json::Value;

use super::unix;
use crate::support::{LocalIssuer, Trail, release};

/// How often a token may be exchanged, and how its client behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Once.
    Once,
    /// Once, by a client that sends an `Idempotency-Key` and repeats itself.
    Keyed,
    /// Once for each target.
    PerTarget,
    /// As often as you like: the guard is not asked.
    Reusable,
}

/// What a token may be exchanged for.
pub(crate) const TARGETS: [&str; 2] = ["https://deploy.example.com", "https://reports.example.com"];

/// `leeway` of `trust.toml`, in seconds.
const LEEWAY: u64 = 5;

/// The largest `iat_skew` that there is: honest issuers are at most so far ahead of us, in seconds.
pub(crate) const IAT_SKEW: u64 = 10;

/// One subject token.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) token: String,
    /// Empty without one.
    key: String,
    pub(crate) issued_at: u64,
    /// `exp` and leeway, in seconds since 1970.
    pub(crate) refused_from: u64,
}

/// With which `Idempotency-Key` a token is posted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyChoice {
    /// The client's own, if it has one.
    Own,
    /// None, as somebody who found the token.
    None,
    /// One that is not the client's.
    Other,
}

impl Subject {
    /// The digest by which decision logs name it.
    pub(crate) fn digest(&self) -> String {
        let (input, _) = self.token.rsplit_once('.').unwrap();
        cambist::domain::Digest256::of(input.as_bytes()).to_string()
    }

    /// Its claims.
    pub(crate) fn claims(&self) -> Value {
        let part = self.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// Everything in it that must stay between client and server: signature and key.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let signature = self.token.rsplit_once('.').map(|(_, signature)| signature);
        signature.into_iter().chain((!self.key.is_empty()).then_some(&*self.key))
    }

    /// The same with a signature that is wrong.
    pub(crate) fn forged(mut self) -> Self {
        let (input, signature) = self.token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        self.token = format!("{input}.{other}{}", &signature[1..]);
        self
    }

    /// The bytes of a request.
    pub(crate) fn request(&self, target: usize, key: KeyChoice) -> String {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", TOKEN_EXCHANGE)
            .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
            .append_pair("subject_token", &self.token)
            .append_pair("audience", TARGETS[target])
            .append_pair("scope", "deploy:web")
            .finish();
        let key = match key {
            KeyChoice::Own if !self.key.is_empty() => format!("idempotency-key: {}\r\n", self.key),
            KeyChoice::Own | KeyChoice::None => String::new(),
            KeyChoice::Other => format!("idempotency-key: {}\r\n", new_key()),
        };
        let head = "POST /token HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
        format!("{head}{key}content-length: {}\r\n\r\n{body}", body.len())
    }
}

/// One issuer for each mode.
pub(crate) struct Issuers {
    once: LocalIssuer,
    each: LocalIssuer,
    many: LocalIssuer,
    minted: AtomicU64,
}

impl Issuers {
    pub(crate) fn start() -> Self {
        Self { once: LocalIssuer::start(), each: LocalIssuer::start(), many: LocalIssuer::start(), minted: AtomicU64::new(0) }
    }

    /// `trust.toml` with their URLs.
    pub(crate) fn trust(&self) -> String {
        let trust = include_str!("../trust.toml").replace("{once}", self.once.url());
        trust.replace("{each}", self.each.url()).replace("{many}", self.many.url())
    }

    /// What the load is made of: mostly tokens for one use, three in ten from an issuer whose clock is ahead of ours, as far as is allowed.
    pub(crate) fn any(&self) -> Subject {
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        let kind = match number % 20 {
            3 | 11 => Kind::Keyed,
            5 | 15 => Kind::PerTarget,
            7 => Kind::Reusable,
            _ => Kind::Once,
        };
        let ahead = if random(10) < 3 { 1 + random(IAT_SKEW) } else { 0 };
        self.mint(kind, ahead, 30 + random(30))
    }

    /// A token whose `iat` is so far in the future, and that expires in `lifetime` seconds.
    pub(crate) fn mint(&self, kind: Kind, ahead: u64, lifetime: u64) -> Subject {
        match kind {
            Kind::Once | Kind::Keyed => sign((&self.once, release()), kind, ahead, lifetime, unix()),
            Kind::PerTarget => sign((&self.each, example()), kind, ahead, lifetime, unix()),
            Kind::Reusable => sign((&self.many, example()), kind, ahead, lifetime, unix()),
        }
    }

    /// A genuine token that no trust permits.
    pub(crate) fn denied(&self, lifetime: u64) -> Subject {
        sign((&self.once, release().with("ref", "refs/heads/main")), Kind::Once, 0, lifetime, unix())
    }

    /// A token for one use, from an issuer with another clock.
    pub(crate) fn mint_at(&self, now: u64) -> Subject {
        sign((&self.once, release()), Kind::Once, 0, 60, now)
    }
}

fn sign((issuer, request): (&LocalIssuer, MintRequest), kind: Kind, ahead: u64, lifetime: u64, now: u64) -> Subject {
    let issued_at = now + ahead;
    let request = request.with("iat", issued_at).with("exp", now + lifetime).with("nbf", now);
    let token = issuer.mint(&request);
    let key = if kind == Kind::Keyed { new_key() } else { String::new() };
    Subject { kind, token, key, issued_at, refused_from: now + lifetime + LEEWAY }
}

fn example() -> MintRequest {
    MintRequest { algorithm: Some(Algorithm::Es256), ..MintRequest::of("oidc") }
}

fn new_key() -> String {
    let key = TokenId::random().as_str().repeat(2);
    Trail::secret(&key);
    key
}

/// From 0 to `below`, without it.
pub(crate) fn random(below: u64) -> u64 {
    u64::from_be_bytes(random_bytes()) % below
}
