//! What stands behind opaque tokens, on real servers: nobody else reads it, and nothing is released without it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::world::RedisWorld;
use crate::domain::{Clock as _, Digest256};
use crate::release::issuance::{Handle, OpaqueRecord, ReplayKey, Spends};
use crate::release::replay::guard::Attempt;
use crate::release::replay::world::{World as _, lasting_ten_minutes, token, use_up, word};
use crate::servers::{RedisOptions, list, text};
use crate::token::ReplayMode;

const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJnaXRodWI6am9iIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";

/// A record for a spend, and the text of its handle.
fn opaque(world: &RedisWorld, spends: &Spends) -> (OpaqueRecord, String) {
    let bucket = ReplayKey::of(spends).map_or(9, |key| key.bucket());
    let handle = Handle::new(bucket, &[7; 32]);
    let record = OpaqueRecord::seal(&handle, &JWT.into(), lasting_ten_minutes(world.clock().now()).expires_at).unwrap();
    (record, handle.into_text().expose_secret().to_owned())
}

async fn release(world: &RedisWorld, spends: &Spends, record: &OpaqueRecord) -> &'static str {
    let released = lasting_ten_minutes(world.clock().now());
    let attempt = Attempt { nonce: OnceLock::new(), released, record: Some(record) };
    word(&world.guard().use_up(spends, &attempt).await)
}

fn handle_keys(world: &RedisWorld) -> Vec<String> {
    list(world.server().command(&["KEYS", "cambist:{*}:v1:opaque:*"])).iter().map(text).collect()
}

#[tokio::test]
async fn whoever_looks_on_sees_neither_the_token_nor_its_handle() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let mut monitor = TcpStream::connect(world.server().address()).unwrap();
    monitor.write_all(b"MONITOR\r\n").unwrap();
    monitor.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    let reusable = Spends { mode: ReplayMode::Reusable, ..token("b", &world) };
    let mut handles = Vec::new();
    for spends in [&spends, &reusable] {
        let (record, handle) = opaque(&world, spends);
        assert_eq!(release(&world, spends, &record).await, "fresh");
        assert_eq!(world.opaque_tokens().resolve(&handle).await.unwrap().unwrap().reveal(), JWT);
        handles.push(handle);
    }
    world.server().command(&["ECHO", "the-end"]);
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("the-end") {
        let mut part = [0; 4_096];
        let length = monitor.read(&mut part).unwrap();
        seen.extend_from_slice(&part[..length]);
    }
    let seen = String::from_utf8_lossy(&seen);
    let keys = handle_keys(&world);
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| seen.contains(&**key)), "what was written was seen");
    let words = handles.iter().map(String::as_str).chain(JWT.split('.')).chain(handles.iter().map(|handle| &handle[4..48]));
    for word in words {
        assert!(!seen.contains(word), "MONITOR shows {word}");
    }
}

#[tokio::test]
async fn a_repeat_whose_handle_nobody_could_explain_is_not_released() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let spends = Spends { owner: Some(Digest256::of(b"request")), ..token("a", &world) };
    let (record, handle) = opaque(&world, &spends);
    assert_eq!(release(&world, &spends, &record).await, "fresh");
    assert_eq!(release(&world, &spends, &record).await, "repeat");
    world.server().command(&["DEL", &handle_keys(&world)[0]]);
    assert_eq!(release(&world, &spends, &record).await, "store_unavailable");
    assert!(world.opaque_tokens().resolve(&handle).await.unwrap().is_none());
    assert_eq!(word(&use_up(&world, &spends).await), "repeat", "a token that is no handle needs no record");
}

#[tokio::test]
async fn a_record_that_is_not_ours_explains_nothing() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    let spends = token("a", &world);
    let (record, handle) = opaque(&world, &spends);
    assert_eq!(release(&world, &spends, &record).await, "fresh");
    world.server().command(&["SET", &handle_keys(&world)[0], "somebody wrote something else"]);
    assert!(world.opaque_tokens().resolve(&handle).await.unwrap().is_none());
}

#[tokio::test]
async fn without_the_right_to_write_no_handle_is_released() {
    let world = RedisWorld::single(RedisOptions::default()).await;
    world.server().command(&["ACL", "SETUSER", "cambist", "-set"]);
    let reusable = Spends { mode: ReplayMode::Reusable, ..token("a", &world) };
    for spends in [token("b", &world), reusable] {
        let (record, handle) = opaque(&world, &spends);
        assert_eq!(release(&world, &spends, &record).await, "store_misconfigured", "{:?}", spends.mode);
        assert!(world.opaque_tokens().resolve(&handle).await.unwrap().is_none());
    }
}
