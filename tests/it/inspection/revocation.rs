//! Taking a token back by showing it (RFC 7009).

use std::fs;
use std::os::unix::fs::symlink;

use axum::body::Body;
use axum::http::Request;

use cambist::domain::Digest256;
use serde_json::json;

use super::{ASSERTION_TYPE, Bench, refusal};
use crate::support::{DEPLOY, FORM, part, verdict};

#[tokio::test(flavor = "multi_thread")]
async fn holding_a_token_is_enough_to_end_it() {
    let bench = Bench::new().await;
    let (token, other) = (bench.token().await, bench.token().await);
    let answer = bench.post("/revoke", &[], &[("token", &token)]).await;
    insta::assert_snapshot!(answer.transcript(), @r"
    200 OK
    cache-control: no-store
    ");
    assert!(answer.text.is_empty());
    assert!(!bench.is_active(&token).await, "at once");
    assert!(bench.is_active(&other).await, "and no other");
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200, "again is no fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_has_its_line_and_a_token_that_is_shown_again_none() {
    let bench = Bench::new().await;
    let (alone, owned) = (bench.token().await, bench.token().await);
    let assertion = bench.assertion(|good| good);
    let client = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*assertion)];
    for form in
        [vec![("token", &*alone)], vec![("token", &*alone)], vec![("token", "garbage")], [&client[..], &[("token", &*owned)]].concat()]
    {
        assert_eq!(bench.post("/revoke", &[], &form).await.status.as_u16(), 200);
    }
    let expected = |token: &str, caller: Option<&str>| {
        let (claims, input) = (part(token, 1), token.rsplit_once('.').unwrap().0);
        let mut line = json!({
            "jti": claims["jti"], "subject": claims["sub"], "relationship": "web-shop", "audience": DEPLOY,
            "input_sha256": Digest256::of(input.as_bytes()).to_string(),
        });
        if let Some(caller) = caller {
            line["caller"] = caller.into();
        }
        line
    };
    let lines = bench.world.app.log_lines("revocation");
    assert_eq!(lines, [expected(&alone, None), expected(&owned, Some("deploy-api"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_keeps_no_token_alive() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let log = bench.world.app.log_file();
    fs::rename(&log, log.with_extension("old")).unwrap();
    symlink("/dev/full", &log).unwrap();
    bench.world.app.app.hang_up().await;
    assert_eq!(bench.world.ask(&[]).await.status.as_u16(), 503, "nothing is issued without a record");
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200);
    fs::remove_file(&log).unwrap();
    fs::rename(log.with_extension("old"), &log).unwrap();
    bench.world.app.app.hang_up().await;
    assert!(!bench.is_active(&token).await, "and it stays dead when the log is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_means_nothing_is_no_error() {
    let bench = Bench::new().await;
    for (token, why) in [("garbage", "no token"), ("cmb_AAAA", "no handle of ours"), (&*bench.world.token(), "of an issuer")] {
        let answer = bench.post("/revoke", &[], &[("token", token)]).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, ""), "{why}");
    }
    let token = bench.token().await;
    let forged = format!("{}.AAAA", token.rsplit_once('.').unwrap().0);
    assert_eq!(bench.post("/revoke", &[], &[("token", &forged)]).await.status.as_u16(), 200);
    assert!(bench.is_active(&token).await, "whoever knows a token's claims does not hold the token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_nobody_knows_is_ignored() {
    let bench = Bench::new().await;
    for hint in ["access_token", "refresh_token", "foo"] {
        let token = bench.token().await;
        assert_eq!(bench.post("/revoke", &[], &[("token", &token), ("token_type_hint", hint)]).await.status.as_u16(), 200, "{hint}");
        assert!(!bench.is_active(&token).await, "{hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_token_cannot_be_shown_here() {
    let bench = Bench::new().await;
    let answer = bench.post("/revoke", &[], &[("token", "a.b.c.d.e")]).await;
    insta::assert_snapshot!(answer.transcript(), @r#"
    400 Bad Request
    cache-control: no-store
    content-type: application/json
    pragma: no-cache
    {
      "error": "unsupported_token_type",
      "error_description": "rejected: encrypted_token",
      "error_uri": "https://sts.example/errors#encrypted_token"
    }
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_authenticates_is_held_to_who_it_is() {
    let bench = Bench::new().await;
    let as_client = async |name: &str, token: &str| {
        let assertion = bench.assertion(|good| good.with("iss", name).with("sub", name));
        let form = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*assertion), ("token", token)];
        bench.post("/revoke", &[], &form).await
    };
    let token = bench.token().await;
    let (foreign, garbage) = (as_client("reports-api", &token).await, as_client("reports-api", "garbage").await);
    assert_eq!(foreign.transcript(), garbage.transcript(), "whether another's token is good is not said");
    assert_eq!(foreign.status.as_u16(), 200);
    assert!(bench.is_active(&token).await, "another's token is still good");
    let failed =
        bench.post("/revoke", &[], &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", "x.y.z"), ("token", &token)]).await;
    assert_eq!(failed.status.as_u16(), 401);
    assert!(bench.is_active(&token).await, "who fails to authenticate ends nothing, although it holds the token");
    assert_eq!(as_client("deploy-api", &token).await.status.as_u16(), 200, "the token's target names this client");
    assert!(!bench.is_active(&token).await);
    let (bearer, own) = (bench.bearer("introspect").await, bench.bearer("other").await);
    assert_eq!(
        bench.post("/revoke", &[("authorization", &format!("Bearer {bearer}"))], &[("token", &own)]).await.status.as_u16(),
        200,
        "its own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_a_form_like_every_other() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    for (form, expected) in [
        (&[][..], "400 invalid_request malformed: parameter_missing (token) | "),
        (&[("token", "")], "400 invalid_request malformed: parameter_missing (token) | "),
        (&[("token", "a"), ("token", "a")], "400 invalid_request malformed: parameter_repeated (token) | "),
    ] {
        assert_eq!(refusal(&bench.post("/revoke", &[], form).await), expected);
    }
    let by_get = Request::get(format!("/revoke?token={token}")).body(Body::empty()).unwrap();
    let by_get = bench.world.app.send(by_get).await;
    assert_eq!((refusal(&by_get), by_get.header("allow")), ("405 invalid_request malformed: method | ".into(), "POST"));
    let by_json = Request::post("/revoke").header("content-type", "application/json").body(Body::from("{}")).unwrap();
    assert_eq!(refusal(&bench.world.app.send(by_json).await), "415 invalid_request malformed: content_type | ");
    let in_the_url = Request::post(format!("/revoke?token={token}")).header(FORM.0, FORM.1).body(Body::empty()).unwrap();
    assert_eq!(refusal(&bench.world.app.send(in_the_url).await), "400 invalid_request malformed: query_string | ");
    assert!(bench.is_active(&token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_is_not_narrowed() {
    let bench = Bench::new().await;
    let (token, narrowed) = (bench.token().await, ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"));
    let first = bench.world.ask_with(&token, &[narrowed]).await;
    let less = first.token().unwrap_or_else(|| panic!("{}", first.text));
    assert!(bench.is_active(&less).await);
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200);
    assert_eq!(verdict(&bench.world.ask_with(&token, &[narrowed]).await), "400 invalid_request denied: revoked");
    assert!(!bench.is_active(&less).await, "what came from it falls with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_as_revoked_is_not_written_again() {
    let bench = Bench::new().await;
    let (token, other) = (bench.token().await, bench.token().await);
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200);
    bench.world.app.app.follow_revocations().await;
    let database = rusqlite::Connection::open(bench.world.app.folder.path().join("state/cambist.db")).unwrap();
    database.execute_batch("DROP TABLE revocation").unwrap();
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200, "the store is not asked");
    assert_eq!(bench.post("/revoke", &[], &[("token", &other)]).await.status.as_u16(), 503, "and here it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_what_an_opaque_token_stands_for_waits_for_no_writer() {
    let bench = Bench::new().await;
    let (token, bearer) = (bench.issued("https://opaque.example").await, bench.bearer("introspect").await);
    let database = rusqlite::Connection::open(bench.world.app.folder.path().join("state/cambist.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(bench.ask(&bearer, &token).await.json()["active"], true);
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 503, "to take it back is to write");
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(bench.post("/revoke", &[], &[("token", &token)]).await.status.as_u16(), 200);
    assert_eq!(bench.ask(&bearer, &token).await.json()["active"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_cannot_be_kept_is_not_promised() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    // Its database is taken from under it.
    let database = rusqlite::Connection::open(bench.world.app.folder.path().join("state/cambist.db")).unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'revocation%'";
    let names: Vec<String> = database.prepare(tables).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(!names.is_empty());
    for name in names {
        database.execute_batch(&format!("DROP TABLE {name}")).unwrap();
    }
    let answer = bench.post("/revoke", &[], &[("token", &token)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after").is_empty()), (503, false), "{}", answer.text);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
}
