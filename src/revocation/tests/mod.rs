//! Two real stores, real tokens, and a clock that tests move.

mod following;
mod holding;
mod many_servers;
mod published;
mod selecting;
mod staleness;

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::domain::*;
use crate::policy::*;
use crate::servers::{RedisOptions, RedisServer};
use crate::store::redis::{Address, Credentials, ReadSecret, RedisSettings, Topology};
use crate::store::{OpenMode, SqliteSettings, Store, StoreSettings};
use crate::token::*;

pub(super) const NOW: Timestamp = Timestamp::from_unix(1_900_000_000);

pub(super) fn here(port: u16) -> Address {
    Address { host: "127.0.0.1".into(), port }
}

/// Redis with the user of the operations manual.
pub(super) fn redis_at(topology: Topology) -> StoreSettings {
    StoreSettings::Redis(RedisSettings {
        topology,
        database: 0,
        credentials: Credentials { username: Some("cambist".into()), password: Some(ReadSecret::new(|| Ok(SecretString::from("secret")))) },
        sentinel_credentials: Credentials::default(),
        tls: None,
        prefix: "cambist:".into(),
    })
}

/// Where rules are kept.
pub(super) enum Place {
    Redis(Box<RedisServer>),
    Sqlite(TempDir),
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// With the user of the operations manual, and no other rights.
    pub(super) fn redis() -> Self {
        let users = vec![RedisOptions::documented_user("secret")];
        Self::Redis(Box::new(RedisServer::start(&RedisOptions { users, ..RedisOptions::default() })))
    }

    pub(super) fn server(&self) -> &RedisServer {
        let Self::Redis(server) = self else { panic!("no Redis") };
        server
    }

    /// A handle of its own, as every process has one.
    pub(super) async fn open(&self, mode: OpenMode) -> Store {
        let settings = match self {
            Self::Sqlite(folder) => StoreSettings::Sqlite(SqliteSettings { path: folder.path().join("cambist.db") }),
            Self::Redis(server) => redis_at(Topology::Single(here(server.port()))),
        };
        Store::open(&settings, &[SCHEMA], mode, Arc::new(SystemClock::new())).await.unwrap()
    }

    /// The first handle; its store is new.
    pub(super) async fn begin(&self) -> Store {
        drop(self.open(OpenMode::Init { accept_loss: false }).await);
        self.open(OpenMode::Command).await
    }

    /// All rules are gone, and nobody knows why.
    pub(super) fn lose_everything(&self) {
        match self {
            Self::Redis(server) => drop(server.command(&["FLUSHALL"])),
            Self::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(folder.path().join("cambist.db")).unwrap();
                conn.execute_batch("DELETE FROM revocation; DELETE FROM revocation_version; DELETE FROM revocation_node").unwrap();
            }
        }
    }

    /// The last change is gone, as after a failover that did not have it.
    pub(super) fn lose_the_last(&self) {
        match self {
            Self::Redis(server) => {
                let (order, texts) = ("cambist:{state}:v1:revocation-order", "cambist:{state}:v1:revocations");
                let last = crate::servers::text(&crate::servers::list(server.command(&["ZRANGE", order, "-1", "-1"]))[0]);
                server.command(&["ZREM", order, &last]);
                server.command(&["HDEL", texts, &last]);
                let version = crate::servers::text(&server.command(&["HGET", texts, "version"])).parse::<u64>().unwrap();
                server.command(&["HSET", texts, "version", &(version - 1).to_string()]);
            }
            Self::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(folder.path().join("cambist.db")).unwrap();
                conn.execute_batch(
                    "DELETE FROM revocation WHERE version = (SELECT max(version) FROM revocation);
                     UPDATE revocation_version SET version = version - 1",
                )
                .unwrap();
            }
        }
    }
}

/// A node of that store.
pub(super) async fn node(place: &Place, name: &str, clock: &Arc<ManualClock>) -> Revocations {
    let settings = RevocationSettings { node: name.into(), max_stale: Seconds(30) };
    Revocations::new(place.open(OpenMode::Command).await, settings, Arc::clone(clock) as _)
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

pub(super) fn issuer(name: &str) -> Selector {
    Selector::Issuer(IssuerName::parse(name).unwrap())
}

pub(super) fn block(selector: Selector) -> Rule {
    Rule::block(selector, "a test", "root@here", NOW)
}

/// The values of all rules in force, as this node knows them.
pub(super) fn known(node: &Revocations) -> Vec<String> {
    node.snapshot().rules.iter().map(|rule| rule.selector.value()).collect()
}

/// A token of an issuer of that name, verified; `self` for one of ours. Expires in five minutes.
pub(super) fn token(name: &str, claims: &Value) -> VerifiedToken {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut all = json!({"iss": "https://ci.test", "sub": "job", "aud": "sts", "iat": NOW, "exp": NOW.unix() + 300});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "key-1"})), part(&all));
    let signed = format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())));
    let audience = all["aud"].as_str().unwrap();
    let expected = Expectations {
        issuer: IssuerName::parse(name).unwrap(),
        replay: ReplayMode::Reusable,
        audiences: vec![Audience::parse(audience).unwrap()],
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
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "key-1", "x": URL_SAFE_NO_PAD.encode(key.public_key().as_ref())});
    let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes(), &expected.algorithms).unwrap();
    let unverified = UnverifiedToken::parse(&SubjectToken::new(signed)).unwrap();
    verify(unverified, &keys, &expected, Shown::ByHolder(ProvenKeys::default()), NOW).unwrap()
}

/// What the relationship `web-shop` permits a token of `github`: the target `https://deploy.test`.
pub(super) fn permit(token: VerifiedToken) -> Permit {
    permit_with(token, None)
}

/// The same beside a token of a second issuer, in this role.
pub(super) fn permit_with(token: VerifiedToken, actor: Option<(VerifiedToken, ActorRole)>) -> Permit {
    let (name, audience) = (TargetName::parse("deploy").unwrap(), Audience::parse("https://deploy.test").unwrap());
    let target = Target::new(name, audience, "o", Seconds(900), Algorithm::Es256);
    let target = Arc::new(Target { scopes: [(Scope::parse("deploy:web").unwrap(), String::new())].into(), ..target });
    let name = RelationshipName::parse("web-shop").unwrap();
    let mut rule = TrustRelationship::new(name, IssuerName::parse("github").unwrap(), "o".into(), "p", Timestamp::MAX);
    let claim = Arc::new(ClaimPath::parse("sub").unwrap());
    let condition = Condition { claim, matcher: ClaimMatcher::Exact(Scalar::Text("job".into())) };
    rule.actor = actor.as_ref().map(|(token, role)| {
        let rule = ActorRule::new(token.issuer_name().clone(), *role, [condition.clone()].into(), &[]);
        rule.unwrap()
    });
    rule.conditions = [condition].into();
    rule.grants = [Grant::new(target, Scopes::parse("deploy:web").unwrap(), Seconds(600))].into();
    let mut builder = TrustPolicyBuilder::default();
    builder.relationship(rule.with_pins(&[]).unwrap());
    let actor = actor.map(|(token, _)| Party { token, ids: Arc::default() });
    evaluate(&builder.build(), Presented { actor, ..Presented::alone(token) }, &Ask::default(), NOW).unwrap()
}
