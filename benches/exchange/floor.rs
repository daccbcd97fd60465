//! The floor: what no exchange can do without. RS256 verify and ES256 sign, with prepared keys, on one thread.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::cpu;

/// As much as the signing input of a token that we issue.
const SIGNED_BYTES: usize = 560;

pub(crate) struct Floor {
    verifying: ParsedPublicKey,
    signing: EcdsaKeyPair,
    random: SystemRandom,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl Floor {
    /// With a token of the issuer, and its keys.
    pub(crate) fn new(token: &str, key_set: &Value) -> anyhow::Result<Self> {
        let keys = key_set["keys"].as_array().context("a key set")?;
        let key = keys.iter().find(|key| key["kty"] == "RSA").context("an RSA key")?;
        let member = |name: &str| anyhow::Ok(URL_SAFE_NO_PAD.decode(key[name].as_str().context("a member")?)?);
        let components = PublicKeyComponents { n: member("n")?, e: member("e")? };
        let verifying = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| anyhow!("the RSA key is refused"))?;
        let signing = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no P-256 key"))?;
        let (input, signature) = token.rsplit_once('.').context("a token")?;
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        Ok(Self { verifying, signing, random: SystemRandom::new(), signing_input: input.into(), signature })
    }

    /// CPU time for so many rounds.
    pub(crate) fn slice(&self, rounds: u32) -> anyhow::Result<Duration> {
        let message = [0x61; SIGNED_BYTES];
        let before = cpu::of_this_thread()?;
        for _ in 0..rounds {
            let verified = self.verifying.verify_sig(black_box(&self.signing_input), black_box(&self.signature));
            verified.map_err(|_| anyhow!("the signature is refused"))?;
            black_box(self.signing.sign(&self.random, black_box(&message)).map_err(|_| anyhow!("signing failed"))?);
        }
        Ok(cpu::of_this_thread()?.saturating_sub(before))
    }
}
