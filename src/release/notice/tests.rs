use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{NOTICE_TYPE, NoNotice, Notice, Notices};
use crate::domain::{IssuerName, IssuerUrl, ManualClock, RelationshipName, Seconds, Timestamp};
use crate::release::issuance::{self, EncryptionKeySource, Keys, KeysSettings, PUBLISH_AHEAD, PublishedKey};
use crate::revocation::{self, Change, Jti, Lift, RevocationSettings, Revocations, Rule, Selector, publish};
use crate::store::{OpenMode, SqliteSettings, Store};

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const ISSUER: &str = "https://sts.test/t1";

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<Keys>,
    notices: Arc<Notices>,
    revocations: Arc<Revocations>,
    store: Store,
    directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let settings = SqliteSettings { path: directory.path().join("cambist.db") };
        let store = Store::sqlite(&settings, &[issuance::SCHEMA, revocation::SCHEMA], OpenMode::Serve).unwrap();
        let encryption_keys = vec![EncryptionKeySource::File(directory.path().join("a.key"))];
        let settings = KeysSettings { encryption_keys, create_if_missing: true, rotate_every: Seconds(30 * 86_400) };
        let (opened, edge) = (store.clone(), Arc::clone(&clock));
        let keys = tokio::task::spawn_blocking(move || Keys::open(opened, settings, edge)).await.unwrap().unwrap();
        let settings = RevocationSettings { node: "a".into(), max_stale: Seconds(30) };
        let revocations = Arc::new(Revocations::new(store.clone(), settings, Arc::clone(&clock) as _));
        let keys = Arc::new(keys);
        let notices = Notices::new(IssuerUrl::parse(ISSUER).unwrap(), Arc::clone(&clock) as _, Arc::clone(&keys), Arc::clone(&revocations));
        let world = Self { clock, keys, notices: Arc::new(notices), revocations, store, directory };
        world.revocations.sync().await.unwrap();
        // Notes in the ring that its next keys are published.
        world.keys.refresh().await.unwrap();
        world
    }

    async fn decide(&self, change: impl Into<Change>) {
        publish(&self.store, &change.into(), &*self.clock).await.unwrap();
        self.revocations.sync().await.unwrap();
    }

    /// After that many seconds, in which it followed the store.
    async fn after(&self, seconds: u64) -> Notice {
        self.clock.advance(Seconds(seconds));
        self.revocations.sync().await.unwrap();
        self.keys.refresh().await.unwrap();
        self.notices.current().await.unwrap()
    }

    /// The claims, after the key that is published under its `kid` verified them, as this type and no other.
    fn claims(&self, notice: &Notice) -> Value {
        let compact = String::from_utf8(notice.bytes.to_vec()).unwrap();
        let published = self.keys.ring().public_keys(NOW);
        let verified = |typ: &str| published.iter().find_map(|key: &PublishedKey| key.verify(typ, &compact));
        assert_eq!(verified("at+jwt"), None, "no access token");
        serde_json::from_slice(&verified(NOTICE_TYPE).unwrap()).unwrap()
    }
}

fn relationship(name: &str) -> Selector {
    Selector::Relationship(RelationshipName::parse(name).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_says_what_is_revoked_and_for_how_long_it_is_good() {
    let world = World::new().await;
    world.decide(Rule::cut_off(relationship("web-shop"), "r", "b", NOW)).await;
    let block = Rule::block(Selector::Issuer(IssuerName::parse("gitlab").unwrap()), "r", "b", NOW);
    world.decide(block.clone()).await;
    let notice = world.notices.current().await.unwrap();
    let header = URL_SAFE_NO_PAD.decode(notice.bytes.split(|byte| *byte == b'.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({"alg": "ES256", "typ": "revocations+jwt", "kid": header["kid"]}));
    insta::assert_snapshot!(serde_json::to_string_pretty(&world.claims(&notice)).unwrap(), @r#"
    {
      "iss": "https://sts.test/t1",
      "iat": 1800000000,
      "exp": 1800000300,
      "version": 2,
      "max_age": 5,
      "rules": [
        {
          "all": [
            "P3Me71ifXUmhAkX9HADTVw"
          ],
          "before": 1800000006
        },
        {
          "all": [
            "XgkT3rRjDX8DONPj0m-3zA"
          ]
        }
      ]
    }
    "#);
    world.decide(Change::Lift(Lift { rule: block.id, by: "b".into(), made_at: NOW })).await;
    let claims = world.claims(&world.notices.current().await.unwrap());
    assert_eq!((&claims["version"], claims["rules"].as_array().unwrap().len()), (&json!(3), 1), "a lifted block is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_anew_that_would_say_the_same() {
    let world = World::new().await;
    let first = world.notices.current().await.unwrap();
    assert!(world.after(149).await.bytes == first.bytes, "the same bytes until half of its life is over");
    let second = world.after(1).await;
    assert_ne!(second.bytes, first.bytes);
    assert_ne!(second.tag, first.tag);
    world.decide(Rule::block(relationship("web-shop"), "r", "b", NOW)).await;
    let third = world.notices.current().await.unwrap();
    assert_eq!(world.claims(&third)["version"], 1, "a change is told at once");
    world.clock.step_to(NOW);
    let early = world.after(0).await;
    assert_eq!(world.claims(&early)["iat"], NOW.unix(), "a clock that was set back makes no notice of the future");
    world.after(PUBLISH_AHEAD.0).await;
    let before = world.after(0).await;
    let keys = Arc::clone(&world.keys);
    tokio::task::spawn_blocking(move || keys.drop_compromised(None)).await.unwrap().unwrap();
    let after = world.after(0).await;
    assert_ne!(after.bytes, before.bytes);
    world.claims(&after);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_get_one_signature() {
    let world = World::new().await;
    let asked: Vec<_> =
        (0..200).map(|_| Arc::clone(&world.notices)).map(|notices| tokio::spawn(async move { notices.current().await })).collect();
    let mut seen = HashSet::new();
    for answer in asked {
        seen.insert(answer.await.unwrap().unwrap().bytes);
    }
    assert_eq!(seen.len(), 1, "two signatures of ES256 are never the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_issue_publishes_no_old_notice() {
    let world = World::new().await;
    world.notices.current().await.unwrap();
    world.clock.advance(Seconds(30));
    assert!(world.notices.current().await.is_ok(), "the last moment");
    world.clock.advance(Seconds(1));
    assert_eq!(world.notices.current().await.unwrap_err(), NoNotice::Stale);
    world.revocations.sync().await.unwrap();
    assert!(world.notices.current().await.is_ok());
    let conn = rusqlite::Connection::open(world.directory.path().join("cambist.db")).unwrap();
    conn.execute_batch("UPDATE key_ring SET version = 1000000").unwrap();
    assert!(world.keys.refresh().await.is_err(), "a newer ring that cannot be read");
    assert_eq!(world.notices.current().await.unwrap_err(), NoNotice::Signing);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_revoked_tokens_take_as_many_bytes_as_the_manual_says() {
    let world = World::new().await;
    let size = async || world.after(150).await.bytes.len();
    let empty = size().await;
    for hundred in 0..100 {
        let mut together = tokio::task::JoinSet::new();
        for number in 0..100 {
            let (store, clock) = (world.store.clone(), Arc::clone(&world.clock));
            let rule = Rule::block(Selector::TokenId(Jti::parse(&format!("{hundred}-{number}")).unwrap()), "r", "b", NOW);
            together.spawn(async move { publish(&store, &rule.into(), &*clock).await.unwrap() });
        }
        together.join_all().await;
    }
    let full = size().await;
    let said = format!("{empty} bytes without rules, {full} with 10,000 revoked tokens");
    assert!(include_str!("../../../docs/operations.md").contains(&said), "docs/operations.md does not say: {said}");
}
