//! Single steps, without a server.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cambist::domain::{ClaimValue, Clock as _, JsonLimits, SystemClock, parse_json};
use cambist::token::{EncryptionKey, NonceRule, ProofExpectations, ProofText, verify_proof};

use crate::cpu;

use super::client::EncryptionKeys;
use super::holder::{Holder, URL};

#[derive(Clone, Copy)]
pub(super) enum Step {
    Proof,
    EncryptRsa,
    EncryptEc,
}

/// Every step, with the name that the table shows.
pub(super) const ALONE: [(Step, &str); 3] =
    [(Step::Proof, "verify a DPoP proof"), (Step::EncryptRsa, "encrypt, RSA-OAEP-256"), (Step::EncryptEc, "encrypt, ECDH-ES")];

pub(super) struct Alone {
    holder: Holder,
    rsa: EncryptionKey,
    ec: EncryptionKey,
    token: String,
}

impl Alone {
    /// With the keys of two targets, and a token to encrypt.
    pub(super) fn new(keys: &EncryptionKeys, token: String) -> anyhow::Result<Self> {
        let prepared = |jwk: &serde_json::Value| match parse_json(jwk.to_string().as_bytes(), JsonLimits { depth: 2, members: 16 }) {
            Ok(ClaimValue::Object(members)) => EncryptionKey::from_jwk(&members).context("a key of ours is refused"),
            _ => bail!("a key is no object"),
        };
        Ok(Self { holder: Holder::new()?, rsa: prepared(&keys.rsa)?, ec: prepared(&keys.ec)?, token })
    }

    /// CPU time for so many.
    pub(super) fn slice(&self, step: Step, count: u32) -> anyhow::Result<Duration> {
        match step {
            Step::Proof => self.verify(count),
            Step::EncryptRsa => self.encrypt(&self.rsa, count),
            Step::EncryptEc => self.encrypt(&self.ec, count),
        }
    }

    fn verify(&self, count: u32) -> anyhow::Result<Duration> {
        let proofs = (0..count).map(|_| Ok(ProofText::new(self.holder.proof()?))).collect::<anyhow::Result<Vec<_>>>()?;
        let expected = ProofExpectations { method: "POST", url: URL, access_token: None, nonce: NonceRule::NotAsked };
        let clock = SystemClock::new();
        let before = cpu::of_this_thread()?;
        for proof in &proofs {
            black_box(verify_proof(black_box(proof), &expected, clock.now())?);
        }
        Ok(cpu::of_this_thread()?.saturating_sub(before))
    }

    fn encrypt(&self, key: &EncryptionKey, count: u32) -> anyhow::Result<Duration> {
        let before = cpu::of_this_thread()?;
        for _ in 0..count {
            black_box(key.encrypt(black_box(&self.token))?);
        }
        Ok(cpu::of_this_thread()?.saturating_sub(before))
    }
}
