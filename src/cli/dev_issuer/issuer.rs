//! An issuer that says whatever it is told. For development and tests; never trust it beyond loopback.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use josekit::jwk::Jwk;
use josekit::jwk::alg::{ec::EcCurve, ed::EdCurve};
use josekit::jws::{self, ES256, ES384, EdDSA, JwsHeader, JwsSigner, PS256, PS384, PS512, RS256, RS384, RS512};
use serde_json::{Map, Value, json};

use crate::domain::{Clock, IssuerUrl, TokenId};
use crate::token::Algorithm;
use crate::trust::{IssuerKind, Preset};

/// A local issuer, and a local trust domain, with one key of each type.
///
/// Signs with OpenSSL (through josekit), so that nothing we verify in development was signed by the code that verifies it.
pub struct DevIssuer {
    url: IssuerUrl,
    audience: String,
    preset: String,
    clock: Arc<dyn Clock>,
    keys: [Jwk; 4],
}

/// What a token shall look like.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// The preset whose realistic claims are the starting point.
    pub preset: String,
    /// Claims on top of those; `null` removes one, a name that starts with `/` is a JSON Pointer.
    pub claims: Map<String, Value>,
    /// How to sign it. `None`: with the first algorithm that the preset's platform uses.
    pub algorithm: Option<Algorithm>,
    /// Seconds until it expires; may be negative. `None`: as the preset's platform does it.
    pub expires_in: Option<i64>,
    /// `typ` of the header.
    pub typ: String,
}

impl MintRequest {
    /// A token in the shape of this preset.
    #[must_use]
    pub fn of(preset: &str) -> Self {
        Self { preset: preset.into(), claims: Map::new(), algorithm: None, expires_in: None, typ: "JWT".into() }
    }

    /// Sets one claim.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }
}

impl DevIssuer {
    /// Makes new keys. `url` is its `iss`, `audience` the default `aud` of its tokens.
    pub fn new(url: IssuerUrl, audience: String, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let keys = [
            Jwk::generate_ec_key(EcCurve::P256)?,
            Jwk::generate_ec_key(EcCurve::P384)?,
            Jwk::generate_rsa_key(2048)?,
            Jwk::generate_ed_key(EdCurve::Ed25519)?,
        ];
        let run = TokenId::random().as_str().chars().filter(char::is_ascii_alphanumeric).take(6).collect::<String>();
        let names = ["dev-p256", "dev-p384", "dev-rsa", "dev-ed25519"];
        let with_name = |(mut key, name): (Jwk, &str)| {
            // Another name at every start: a server that knew the last run's keys looks for these.
            key.set_key_id(format!("{name}-{run}"));
            key.set_key_use("sig");
            key
        };
        let mut keys = keys.into_iter().zip(names).map(with_name);
        let mut next = || keys.next().context("one key for each name");
        Ok(Self { url, audience, preset: Preset::GENERIC.into(), clock, keys: [next()?, next()?, next()?, next()?] })
    }

    /// The preset of tokens for which none is asked is this one instead of the generic one.
    pub fn with_preset(mut self, name: &str) -> anyhow::Result<Self> {
        preset(name)?.name.clone_into(&mut self.preset);
        Ok(self)
    }

    /// A token in the shape of its own preset.
    #[must_use]
    pub fn usual(&self) -> MintRequest {
        MintRequest::of(&self.preset)
    }

    /// Its `iss`.
    #[must_use]
    pub fn url(&self) -> &IssuerUrl {
        &self.url
    }

    /// Signs a token.
    pub fn mint(&self, request: &MintRequest) -> anyhow::Result<String> {
        let algorithm = match request.algorithm {
            Some(algorithm) => algorithm,
            None => preset(&request.preset)?.algorithms.first().copied().unwrap_or(Algorithm::Rs256),
        };
        self.sign(request, algorithm, self.key(algorithm))
    }

    /// Signs a token with a key that nobody published, under the `kid` of one that is.
    pub fn forge(&self, request: &MintRequest) -> anyhow::Result<String> {
        let mut stranger = Jwk::generate_rsa_key(2048)?;
        stranger.set_key_id(self.key(Algorithm::Rs256).key_id().unwrap_or_default());
        self.sign(request, Algorithm::Rs256, &stranger)
    }

    /// Its key set (RFC 7517 §5), public parts only.
    pub fn key_set(&self) -> anyhow::Result<Value> {
        Ok(json!({ "keys": published(&self.keys, "sig")? }))
    }

    /// The same keys as the bundle of a trust domain (SPIFFE Trust Domain and Bundle §4), but for the one that JWT-SVIDs do not know.
    pub fn bundle(&self) -> anyhow::Result<Value> {
        let [signing @ .., _ed25519] = &self.keys;
        Ok(json!({ "spiffe_sequence": 1, "spiffe_refresh_hint": 60, "keys": published(signing, "jwt-svid")? }))
    }

    /// Its discovery document (OpenID Connect Discovery 1.0 §3), as far as a workload issuer has one.
    #[must_use]
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": self.url.as_str(),
            "jwks_uri": self.url.join("/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        })
    }

    /// The claims of a token, before it is signed.
    pub fn claims(&self, request: &MintRequest) -> anyhow::Result<Map<String, Value>> {
        let preset = preset(&request.preset)?;
        let Value::Object(mut claims) = serde_json::to_value(&preset.example)? else { bail!("the preset has no example") };
        let now = i64::try_from(self.clock.now().unix())?;
        let at = |claims: &Map<String, Value>, name| claims.get(name).and_then(Value::as_i64);
        let usual = at(&claims, "exp").zip(at(&claims, "iat")).map_or(300, |(exp, iat)| exp - iat);
        let expires_in = request.expires_in.unwrap_or(usual);
        // A token that is already expired was issued a usual lifetime before its end.
        let issued_at = if expires_in > 0 { now } else { now + expires_in - usual };
        claims.extend([("iat".into(), issued_at.into()), ("exp".into(), (now + expires_in).into())]);
        match preset.kind {
            IssuerKind::Oidc => claims.extend([
                ("iss".into(), self.url.as_str().into()),
                ("aud".into(), json!(self.audience)),
                ("nbf".into(), issued_at.into()),
                ("jti".into(), TokenId::random().as_str().into()),
            ]),
            // A JWT-SVID has these and no more, as SPIRE makes it.
            IssuerKind::Spiffe => claims.extend([("aud".into(), json!([self.audience]))]),
        }
        for (name, value) in &request.claims {
            overlay(&mut claims, name, value)?;
        }
        Ok(claims)
    }

    fn sign(&self, request: &MintRequest, algorithm: Algorithm, key: &Jwk) -> anyhow::Result<String> {
        let mut header = JwsHeader::new();
        header.set_token_type(&request.typ);
        header.set_key_id(key.key_id().unwrap_or_default());
        let payload = serde_json::to_vec(&self.claims(request)?)?;
        Ok(jws::serialize_compact(&payload, &header, &*signer(algorithm, key)?)?)
    }

    fn key(&self, algorithm: Algorithm) -> &Jwk {
        let [p256, p384, rsa, ed25519] = &self.keys;
        match algorithm {
            Algorithm::Es256 => p256,
            Algorithm::Es384 => p384,
            Algorithm::EdDsa => ed25519,
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => rsa,
        }
    }
}

/// The public parts of keys, each with this `use`.
fn published(keys: &[Jwk], key_use: &str) -> anyhow::Result<Vec<Jwk>> {
    let public = keys.iter().map(|key| {
        // The conversion keeps the key and drops its name.
        let mut public = key.to_public_key()?;
        public.set_key_id(key.key_id().unwrap_or_default());
        public.set_key_use(key_use);
        Ok(public)
    });
    public.collect()
}

fn preset(name: &str) -> anyhow::Result<&'static Preset> {
    let Some(preset) = Preset::named(name) else {
        let known: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
        bail!("there is no preset `{name}`; there are: {}", known.join(", "));
    };
    Ok(preset)
}

fn signer(algorithm: Algorithm, key: &Jwk) -> anyhow::Result<Box<dyn JwsSigner>> {
    Ok(match algorithm {
        Algorithm::Es256 => Box::new(ES256.signer_from_jwk(key)?),
        Algorithm::Es384 => Box::new(ES384.signer_from_jwk(key)?),
        Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(key)?),
        Algorithm::Ps256 => Box::new(PS256.signer_from_jwk(key)?),
        Algorithm::Ps384 => Box::new(PS384.signer_from_jwk(key)?),
        Algorithm::Ps512 => Box::new(PS512.signer_from_jwk(key)?),
        Algorithm::Rs256 => Box::new(RS256.signer_from_jwk(key)?),
        Algorithm::Rs384 => Box::new(RS384.signer_from_jwk(key)?),
        Algorithm::Rs512 => Box::new(RS512.signer_from_jwk(key)?),
    })
}

/// Sets, or with `null` removes, a claim; a name that starts with `/` is a JSON Pointer whose parents exist.
fn overlay(claims: &mut Map<String, Value>, name: &str, value: &Value) -> anyhow::Result<()> {
    let (parent, member) = match name.rsplit_once('/') {
        Some((parent, member)) if name.starts_with('/') => (parent, member.replace("~1", "/").replace("~0", "~")),
        _ => ("", name.to_owned()),
    };
    let holder = if parent.is_empty() {
        claims
    } else {
        let first_end = parent[1..].find('/').map_or(parent.len(), |at| at + 1);
        let first = parent[1..first_end].replace("~1", "/").replace("~0", "~");
        let nested = claims.get_mut(&first).and_then(|value| value.pointer_mut(&parent[first_end..]));
        nested.and_then(Value::as_object_mut).with_context(|| format!("`{name}`: there is no object at `{parent}`"))?
    };
    if value.is_null() {
        holder.remove(&member);
    } else {
        holder.insert(member, value.clone());
    }
    Ok(())
}
