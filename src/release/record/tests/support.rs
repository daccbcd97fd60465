//! A log in a directory of its own, with a real signing key.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::TempDir;

use crate::domain::*;
use crate::policy::*;
use crate::release::issuance::PublishedKey;
use crate::release::record::*;
use crate::token::*;

pub(super) const KID: &str = "key-1";
pub(super) const DENIED: Refusal = Refusal { outcome: Outcome::Denied, reason: "no_relationship" };
pub(super) const EXPIRED: Refusal = Refusal { outcome: Outcome::Rejected, reason: "expired" };

pub(super) struct TestLog {
    pub(super) directory: TempDir,
    pub(super) clock: Arc<ManualClock>,
    pub(super) kept: Arc<Mutex<Vec<Head>>>,
    key: Arc<Ed25519KeyPair>,
}

impl TestLog {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::at(Timestamp::from_unix(1_900_000_000))),
            kept: Arc::default(),
            key: Arc::new(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("state").join("decisions.jsonl")
    }

    pub(super) fn settings(&self) -> LogSettings {
        LogSettings { place: LogPlace::File(self.path()), node: "n1".into(), sync: SyncMode::EverySecond }
    }

    pub(super) fn edges(&self) -> LogEdges {
        let (key, kept) = (self.key.clone(), self.kept.clone());
        LogEdges {
            clock: self.clock.clone(),
            sign: Arc::new(move |payload| Some((sign(&key, CHECKPOINT_TYPE, payload), KID.into()))),
            keep: Arc::new(move |head| kept.lock().unwrap().push(head)),
            previous: self.kept.lock().unwrap().last().copied(),
        }
    }

    pub(super) fn open(&self) -> DecisionLog {
        DecisionLog::open(self.settings(), self.edges()).unwrap()
    }

    /// A draft whose signature was verified.
    pub(super) fn verified(&self) -> DecisionDraft {
        let mut draft = self.unverified();
        draft.verified(&self.token(serde_json::json!({})), []);
        draft
    }

    /// A subject token of the issuer `github`, with these claims beside the necessary ones; it expires in five minutes.
    pub(super) fn token(&self, mut claims: serde_json::Value) -> VerifiedToken {
        let now = self.clock.now();
        let necessary =
            serde_json::json!({"iss": "https://ci.test", "sub": "job", "aud": "sts", "iat": now, "exp": now.unix() + 300, "jti": "one"});
        claims.as_object_mut().unwrap().extend(necessary.as_object().unwrap().clone());
        let token = UnverifiedToken::parse(&SubjectToken::new(self.sign_as("JWT", claims.to_string().as_bytes()))).unwrap();
        let expected = Expectations {
            issuer: IssuerName::parse("github").unwrap(),
            replay: ReplayMode::Once,
            audiences: vec![Audience::parse("sts").unwrap()],
            algorithms: Algorithms::from(vec![Algorithm::EdDsa]),
            typ: vec![],
            typ_required: false,
            extra_audiences: false,
            leeway: Seconds(60),
            iat_skew: Seconds(10),
            max_lifetime: Seconds(3_600),
            max_age: None,
            subject: SubjectRule::Sub,
        };
        let document = format!(r#"{{"keys":[{}]}}"#, self.jwk());
        verify(
            token,
            &KeySet::parse(document.as_bytes(), &expected.algorithms).unwrap(),
            &expected,
            Shown::ByHolder(ProvenKeys::default()),
            now,
        )
        .unwrap()
    }

    /// What `web-shop` permits a token from production.
    pub(super) fn permit(&self) -> Permit {
        let token = self.token(serde_json::json!({"environment": "production", "repository_id": "821093847", "protected": true}));
        let audience = Audience::parse("https://deploy.example.com").unwrap();
        let target = Target::new(TargetName::parse("deploy").unwrap(), audience, "deploy@example.com", Seconds(900), Algorithm::Es256);
        let target = Arc::new(Target { scopes: [(Scope::parse("deploy:web").unwrap(), String::new())].into(), ..target });
        let name = RelationshipName::parse("web-shop").unwrap();
        let mut rule = TrustRelationship::new(name, IssuerName::parse("github").unwrap(), "o".into(), "p", Timestamp::MAX);
        let claim = Arc::new(ClaimPath::parse("environment").unwrap());
        rule.conditions = [Condition { claim, matcher: ClaimMatcher::Exact(Scalar::Text("production".into())) }].into();
        rule.grants = [Grant::new(target, Scopes::parse("deploy:web").unwrap(), Seconds(600))].into();
        let mut builder = TrustPolicyBuilder::default();
        builder.relationship(rule.with_pins(&[]).unwrap());
        evaluate(&builder.build(), Presented::alone(token), &Ask::default(), self.clock.now()).unwrap()
    }

    pub(super) fn unverified(&self) -> DecisionDraft {
        DecisionDraft::begin(&*self.clock as &dyn Clock, Some("192.0.2.7".parse().unwrap()))
    }

    /// Records denials and waits for each.
    pub(super) async fn deny(&self, log: &DecisionLog, count: usize) {
        for _ in 0..count {
            log.refused(self.verified(), DENIED, None).await.unwrap();
        }
    }

    fn jwk(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"{KID}","x":"{x}"}}"#)
    }

    pub(super) fn key(&self, kid: &str) -> Option<PublishedKey> {
        let key =
            || PublishedKey { algorithm: Algorithm::EdDsa, first_published: Timestamp::default(), jwk: self.jwk().into(), kid: KID.into() };
        (kid == KID).then(key)
    }

    pub(super) fn verify(&self, files: &[&Path], expected: Option<Digest256>) -> Report {
        let mut verifier = Verifier::new(|kid: &str| self.key(kid), expected);
        for file in files {
            verifier.file(file, File::open(file).unwrap()).unwrap();
        }
        verifier.finish()
    }

    pub(super) fn verify_bytes(&self, bytes: &[u8], expected: Option<Digest256>) -> Report {
        verify_log(bytes, |kid| self.key(kid), expected).unwrap()
    }

    pub(super) fn content(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    pub(super) fn sign_as(&self, typ: &str, payload: &[u8]) -> String {
        sign(&self.key, typ, payload)
    }
}

fn sign(key: &Ed25519KeyPair, typ: &str, payload: &[u8]) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{KID}","typ":"{typ}"}}"#);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A relationship that wants another environment, and another ref than none.
pub(super) fn miss(environment: &str) -> Miss {
    let path = |claim| Arc::new(ClaimPath::parse(claim).unwrap());
    Miss {
        relationship: RelationshipName::parse("web-shop").unwrap(),
        failed: vec![
            FailedCondition {
                claim: path("environment"),
                expected: "production".into(),
                actual: Some(ClaimValue::Text(environment.into())),
            },
            FailedCondition { claim: path("ref"), expected: "refs/heads/release-*".into(), actual: None },
        ],
        held: Vec::new(),
    }
}

/// The kinds of the lines, in order.
pub(super) fn kinds(content: &[u8]) -> Vec<String> {
    let lines = content.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    lines.filter_map(|line| Some(line.get("kind")?.as_str()?.to_owned())).collect()
}
