use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::OwnTokens;
use crate::domain::{Audience, Clock as _, IssuerUrl, ManualClock, Seconds, SubjectToken, TargetName, Timestamp};
use crate::policy::{Target, TrustPolicy, TrustPolicyBuilder};
use crate::release::issuance::{self, EncryptionKeySource, Keys, KeysSettings, PUBLISH_AHEAD, RETIRED_FOR, SIGNING_ALGORITHMS};
use crate::store::{OpenMode, SqliteSettings, Store};
use crate::token::{Algorithm, ProvenKeys, RejectedToken, ReplayMode, Shown, UnverifiedToken, VerifiedToken};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const ISSUER: &str = "https://sts.test/t1";
const DEPLOY: &str = "https://deploy.test";
const HOLDER: Shown = Shown::ByHolder(ProvenKeys { key: None, certificate: None });

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<Keys>,
    own: OwnTokens,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let settings = SqliteSettings { path: directory.path().join("cambist.db") };
        let store = Store::sqlite(&settings, &[issuance::SCHEMA], OpenMode::Serve).unwrap();
        let encryption_keys = vec![EncryptionKeySource::File(directory.path().join("a.key"))];
        let settings = KeysSettings { encryption_keys, create_if_missing: true, rotate_every: Seconds(30 * 86_400) };
        let keys = Arc::new(Keys::open(store, settings, clock.clone()).unwrap());
        let own = OwnTokens::new(IssuerUrl::parse(ISSUER).unwrap(), Arc::clone(&keys));
        Self { clock, keys, own, _directory: directory }
    }

    fn sign(&self, algorithm: Algorithm, typ: &str, claims: &Value) -> String {
        self.keys.ring().sign(algorithm, typ, claims.to_string().as_bytes()).unwrap().0
    }

    fn verify(&self, token: &str, shown: Shown) -> Result<VerifiedToken, RejectedToken> {
        let token = UnverifiedToken::parse(&SubjectToken::new(token.into()))?;
        self.own.verify(token, &policy(), shown, self.clock.now())
    }

    fn reason(&self, token: &str) -> Option<&'static str> {
        self.verify(token, HOLDER).err().map(RejectedToken::reason)
    }
}

fn policy() -> TrustPolicy {
    let mut builder = TrustPolicyBuilder::default();
    let (name, audience) = (TargetName::parse("deploy").unwrap(), Audience::parse(DEPLOY).unwrap());
    builder.target(Arc::new(Target::new(name, audience, "o", Seconds(900), Algorithm::Es256)));
    builder.build()
}

fn claims(change: &[(&str, Value)]) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "ci:job", "aud": DEPLOY, "client_id": "web-shop", "scope": "use", "iat": NOW, "exp": NOW.unix() + 900, "jti": "one"
    });
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    claims
}

#[test]
fn only_an_access_token_of_ours_is_one_of_ours() {
    let world = World::new();
    for algorithm in SIGNING_ALGORITHMS {
        let token = world.sign(algorithm, "at+jwt", &claims(&[]));
        let verified = world.verify(&token, HOLDER).unwrap();
        assert!(verified.is_ours(), "{algorithm}");
        assert_eq!((verified.subject(), verified.token_id(), verified.replay_mode()), ("ci:job", Some("one"), ReplayMode::Reusable));
    }
    let signed = |typ: &str, change: &[(&str, Value)]| world.sign(Algorithm::Es256, typ, &claims(change));
    for (token, reason, why) in [
        (signed("application/AT+JWT", &[]), None, "the same type, written at length"),
        (signed("JWT", &[]), Some("typ_mismatch"), "a token for another authorization server"),
        (signed("cambist-checkpoint+jwt", &[]), Some("typ_mismatch"), "what the decision log signs"),
        (signed("revocations+jwt", &[]), Some("typ_mismatch"), "what we publish of revocations"),
        (signed("at+jwt", &[("iss", json!("https://sts.test/t1/"))]), Some("unknown_issuer"), "another issuer, by a slash"),
        (signed("at+jwt", &[("aud", json!("https://gone.test"))]), Some("aud_mismatch"), "a target that is no longer registered"),
        (signed("at+jwt", &[("aud", json!([DEPLOY]))]), Some("aud_mismatch"), "we write one string"),
        (signed("at+jwt", &[("exp", json!(NOW.unix()))]), Some("expired"), "not a second longer"),
        (signed("at+jwt", &[("exp", json!(NOW.unix() + 3_601))]), Some("lifetime_exceeded"), "longer than any of ours lives"),
        (signed("at+jwt", &[("iat", json!(NOW.unix() + 5))]), None, "from a node whose clock is ahead"),
        (signed("at+jwt", &[("iat", json!(NOW.unix() + 11))]), Some("iat_future"), "from the future"),
        ("a.b.c.d.e".into(), Some("encrypted_token"), "encrypted for its target"),
        ("cmb_AAAA".into(), Some("malformed_token"), "a handle is no token"),
    ] {
        assert_eq!(world.reason(&token), reason, "{why}");
    }
}

#[test]
fn a_token_that_another_signed_or_changed_is_not_ours() {
    let world = World::new();
    let token = world.sign(Algorithm::Es256, "at+jwt", &claims(&[]));
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims(&[("scope", json!("use admin"))]).to_string());
    assert_eq!(world.reason(&parts.join(".")), Some("bad_signature"));
    let stranger = World::new();
    assert_eq!(stranger.reason(&token), Some("key_not_found"), "our keys are named by their thumbprints");
}

#[test]
fn a_bound_token_needs_its_key_unless_an_inspector_shows_it() {
    let world = World::new();
    let key = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let token = world.sign(Algorithm::Es256, "at+jwt", &claims(&[("cnf", json!({ "jkt": key }))]));
    assert_eq!(world.reason(&token), Some("pop_required"));
    assert!(world.verify(&token, Shown::ByInspector).is_ok());
}

#[test]
fn a_token_lives_as_long_as_its_key_is_published() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(world.keys.refresh()).unwrap();
    world.clock.advance(PUBLISH_AHEAD);
    let since = world.clock.now().unix();
    let fresh = claims(&[("iat", json!(since)), ("exp", json!(since + 3_600))]);
    let token = world.sign(Algorithm::Es256, "at+jwt", &fresh);
    assert_eq!(world.reason(&token), None, "signed by the current key");
    world.keys.rotate().unwrap();
    assert_eq!(world.reason(&token), None, "retired, and still published");
    let newer = world.sign(Algorithm::Es256, "at+jwt", &fresh);
    assert_eq!(world.reason(&newer), None, "and the next one, without a restart");
    world.keys.drop_compromised(None).unwrap();
    assert_eq!(world.reason(&token), Some("key_not_found"), "dropped as compromised: at once");
    world.clock.advance(RETIRED_FOR);
    assert_eq!(world.reason(&token), Some("key_not_found"));
}
