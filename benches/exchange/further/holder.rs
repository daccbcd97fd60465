//! A client's key, and proofs of it (RFC 9449).

use anyhow::anyhow;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambist::domain::{Clock as _, SystemClock, TokenId};
use serde_json::json;

/// What the proofs are about.
pub(super) const URL: &str = "https://sts.example.com/token";

pub(super) struct Holder {
    clock: SystemClock,
    key: EcdsaKeyPair,
    random: SystemRandom,
    header: String,
}

impl Holder {
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no P-256 key"))?;
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) });
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk }).to_string());
        Ok(Self { clock: SystemClock::new(), key, random: SystemRandom::new(), header })
    }

    /// A proof of now, never made before.
    pub(super) fn proof(&self) -> anyhow::Result<String> {
        let claims = json!({ "jti": TokenId::random().as_str(), "htm": "POST", "htu": URL, "iat": self.clock.now().unix() });
        let input = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.key.sign(&self.random, input.as_bytes()).map_err(|_| anyhow!("signing failed"))?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
