//! From a spent token to one in somebody's hand.

use std::fs;
use std::os::unix::fs::symlink;

use super::support::*;
use crate::domain::{Clock as _, IssuerUrl, Seconds};
use crate::release::issuance::{KeyRing, Occasion, mint};
use crate::release::record::*;
use crate::release::replay::{ReplayGuard, SpendOutcome, SpentToken, sqlite};
use crate::revocation::Revocations;
use crate::store::{OpenMode, SqliteSettings, SqliteStore};

/// A token that was minted by a real key ring and spent with a real guard.
async fn spent(test: &TestLog) -> SpentToken {
    let settings = SqliteSettings { path: test.directory.path().join("cambist.db") };
    let store = SqliteStore::open(&settings, &[sqlite::SCHEMA], OpenMode::Serve).unwrap();
    let guard = ReplayGuard::sqlite(store, test.clock.clone()).unwrap();
    // Past the fence that a new store starts with.
    test.clock.advance(Seconds(60));
    guard.tick().await.unwrap();
    let ring = KeyRing::begin(test.clock.now()).unwrap();
    let occasion = Occasion { now: test.clock.now(), proof: None, repeatable: None };
    let cleared = Revocations::without_rules(test.clock.clone()).clear(test.permit(), test.clock.now()).unwrap();
    let minted = mint(cleared, &ring, &IssuerUrl::parse("https://sts.test").unwrap(), occasion).unwrap();
    match guard.spend(minted).await.unwrap() {
        SpendOutcome::Spent(spent) => spent,
        SpendOutcome::Repeated(repeated) => panic!("{repeated:?} was never spent before"),
    }
}

#[tokio::test]
async fn a_token_is_opened_after_its_line_is_in_the_file() {
    let test = TestLog::new();
    let log = test.open();
    let room = log.reserve().unwrap();
    // Even a draft that nobody filled in says who, what and where: the token does.
    let issued = log.release(spent(&test).await, room, test.unverified()).await.unwrap();
    let content = String::from_utf8(test.content()).unwrap();
    let line: serde_json::Value = serde_json::from_str(content.lines().last().unwrap()).unwrap();
    let expected = serde_json::json!({
        "outcome": "issued", "issuer": "github", "subject": "github:job", "relationship": "web-shop", "target": "deploy",
        "scopes_granted": "deploy:web", "expires_in": 600, "jti": issued.id().as_str(),
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name}");
    }
    assert_eq!((issued.expires_in(), issued.scopes().to_string()), (Seconds(600), "deploy:web".to_owned()));
    assert_eq!(issued.reveal().split('.').count(), 3);
    let printed = format!("{issued:?}");
    for segment in issued.reveal().split('.') {
        assert!(!printed.contains(segment) && !content.contains(segment), "no part of the token is printed or recorded");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_recorded_is_not_released() {
    let test = TestLog::new();
    let log = test.open();
    let (room, spent) = (log.reserve().unwrap(), spent(&test).await);
    let old = test.path().with_extension("old");
    fs::rename(test.path(), &old).unwrap();
    symlink("/dev/full", test.path()).unwrap();
    assert_eq!(log.reopen().await, Err(LogUnavailable::Broken));
    let refused = log.release(spent, room, test.verified()).await;
    assert_eq!(refused.err(), Some(LogUnavailable::Broken));
    assert_eq!(kinds(&fs::read(old).unwrap()).join(" "), "start checkpoint");
}
