//! The request as bytes: methods, media types, the form, limits (RFC 6749 section 3.2 and appendix B, RFC 9110).

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::support::{Answer, FORM, World, verdict};

use super::world;

const GRANTED: &str = "200 deploy:web status:read";

#[tokio::test(flavor = "multi_thread")]
async fn only_post_reaches_the_endpoint() {
    let world = world().await;
    for method in ["GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder().method(&method).uri(format!("/token?{}", world.body())).header("origin", "https://x.example");
        let answer = world.app.send(request.header(FORM.0, FORM.1).body(Body::from(world.body())).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{method}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method}");
        if method != Method::HEAD {
            assert_eq!(verdict(&answer), "405 invalid_request malformed: method", "{method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_a_form_and_says_so() {
    let world = world().await;
    for (content_type, accepted, why) in [
        ("application/x-www-form-urlencoded", true, "the one there is"),
        ("application/x-www-form-urlencoded; charset=utf-8", true, "the encoding it has anyway"),
        ("Application/X-WWW-Form-URLencoded;charset=UTF-8", true, "in any case"),
        ("application/x-www-form-urlencoded; charset=latin1", false, "another encoding"),
        ("application/json", false, "one syntax, so that repetition has one meaning"),
        ("multipart/form-data; boundary=x", false, "another syntax"),
        ("text/plain", false, "no form"),
        ("", false, "nothing"),
    ] {
        let answer = world.post_raw(&[("content-type", content_type)], world.body()).await;
        let expected = if accepted { GRANTED } else { "415 invalid_request malformed: content_type" };
        assert_eq!(verdict(&answer), expected, "{why}: {content_type}");
    }
    let missing = world.post_raw(&[], world.body()).await;
    assert_eq!(verdict(&missing), "415 invalid_request malformed: content_type", "no header at all");
    let members = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": world.token()});
    let json = world.post_raw(&[("content-type", "application/json")], members.to_string()).await;
    assert_eq!(verdict(&json), "415 invalid_request malformed: content_type", "real JSON");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_unread() {
    let world = world().await;
    for encoding in ["gzip", "br", "deflate, gzip"] {
        let answer = world.post_with(&[("content-encoding", encoding)], world.body()).await;
        assert_eq!(verdict(&answer), "415 invalid_request malformed: content_encoding", "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_parameter_counts_as_absent() {
    let world = world().await;
    for name in ["scope", "resource", "actor_token", "client_id", "client_secret", "lifetime", "requested_token_type"] {
        assert_eq!(verdict(&world.ask(&[(name, "")]).await), GRANTED, "{name}");
    }
    for name in ["subject_token", "subject_token_type"] {
        let expected = format!("400 invalid_request malformed: parameter_missing ({name})");
        assert_eq!(verdict(&world.ask(&[(name, "")]).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_parameter_is_ignored() {
    let world = world().await;
    assert_eq!(verdict(&world.ask(&[("foo", "bar"), ("foo", "again"), ("Scope", "x"), ("id_token", "x")]).await), GRANTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_parameter_that_stands_twice_is_refused() {
    let world = world().await;
    let body = world.body();
    let token = world.token();
    for (extra, name, why) in [
        (format!("subject_token={token}"), "subject_token", "another value"),
        ("grant_type=urn:ietf:params:oauth:grant-type:token-exchange".to_owned(), "grant_type", "the same value"),
        ("scope=deploy:web&scope=status:read".to_owned(), "scope", "scopes are one parameter"),
        ("grant%5Ftype=urn:ietf:params:oauth:grant-type:token-exchange".to_owned(), "grant_type", "an escape hides nothing"),
        ("client_id=a&client_id=a".to_owned(), "client_id", "whatever it is"),
    ] {
        let expected = format!("400 invalid_request malformed: parameter_repeated ({name})");
        assert_eq!(verdict(&world.post_with(&[], format!("{body}&{extra}")).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_in_the_url_are_refused_and_written_nowhere() {
    let world = world().await;
    for query in ["audience=https://deploy.example.com", "client_id=web-shop&client_secret=mellon-0123456789", "foo=bar"] {
        let request = Request::post(format!("/token?{query}")).header(FORM.0, FORM.1);
        let answer = world.app.send(request.body(Body::from(world.body())).unwrap()).await;
        assert_eq!(verdict(&answer), "400 invalid_request malformed: query_string", "{query}");
        world.recorded(&answer).await;
        assert!(!answer.text.contains("mellon"));
    }
    let log = fs::read_to_string(world.app.folder.path().join("state/decisions.jsonl")).unwrap();
    assert!(!log.contains("mellon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plus_is_a_space_and_escapes_are_utf_8() {
    let world = world().await;
    for (name, value, why) in [
        ("audience", "caf%C3%A9+au+lait", "both"),
        ("audience", "caf%c3%a9%20au%20lait", "lower case, and an escaped space"),
        ("audience", "café+au+lait", "bytes as they are"),
    ] {
        assert_eq!(verdict(&spoilt(&world, name, value).await), "200 use", "{why}");
    }
    assert_eq!(verdict(&spoilt(&world, "scope", "deploy:web+status:read").await), GRANTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_encoding_is_malformed() {
    let world = world().await;
    for (value, fault) in [
        ("%zz", "percent-encoding"),
        ("%4", "percent-encoding"),
        ("%", "percent-encoding"),
        ("%ff", "not UTF-8"),
        ("%C3", "not UTF-8"),
        ("%00", "control character"),
        ("a%0Ab", "control character"),
    ] {
        for name in ["scope", "foo"] {
            let expected = format!("400 invalid_request malformed: form_syntax ({fault})");
            assert_eq!(verdict(&spoilt(&world, name, value).await), expected, "{name}={value}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_semicolon_separates_nothing() {
    let world = world().await;
    let answer = spoilt(&world, "foo", "1;scope=deploy:web;lifetime=0").await;
    assert_eq!(verdict(&answer), GRANTED, "one unknown parameter, not three");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_has_limits() {
    let world = world().await;
    let many = |count: usize| format!("{}{}", world.body(), "&x=1".repeat(count));
    let padded = |bytes: usize| format!("{}&x={}", world.body(), "a".repeat(bytes));
    for (body, expected, why) in [
        (many(60), GRANTED, "64 parameters"),
        (many(61), "400 invalid_request malformed: form_syntax (more than 64 parameters)", "65 parameters"),
        (many(1_000), "400 invalid_request malformed: form_syntax (more than 64 parameters)", "a thousand"),
        (format!("{}&{}=1", world.body(), "n".repeat(128)), GRANTED, "a name of 128 bytes"),
        (
            format!("{}&{}=1", world.body(), "n".repeat(129)),
            "400 invalid_request malformed: form_syntax (a name is longer than 128 bytes)",
            "one byte more",
        ),
        (padded(60_000), GRANTED, "a large body"),
        (padded(64 * 1024), "413 invalid_request malformed: body_too_large (at most 64 KiB)", "too large a body"),
    ] {
        assert_eq!(verdict(&world.post_with(&[], body).await), expected, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_other_origins() {
    let world = world().await;
    for body in [world.body(), String::new()] {
        let answer = world.post_with(&[("origin", "https://x.example")], body).await;
        let cors: Vec<_> = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control")).collect();
        assert!(cors.is_empty(), "{cors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_description_echoes_what_was_sent() {
    let world = world().await;
    let evil = "quo\"te\\é<mellon>";
    let token = world.token_with(&[("iss", format!("https://{evil}").into()), ("sub", evil.into())]);
    let quoted = world.token_with(&[("sub", evil.into())]);
    for (answer, why) in [
        (world.ask_with(&token, &[]).await, "an issuer"),
        (world.ask_with(&quoted, &[]).await, "a subject"),
        (world.ask(&[("scope", "\"x")]).await, "a scope"),
        (world.ask(&[("audience", evil)]).await, "an audience"),
        (world.ask(&[("resource", evil)]).await, "a resource"),
        (world.ask(&[("grant_type", evil)]).await, "a grant type"),
        (world.ask(&[("subject_token_type", evil)]).await, "a token type"),
        (world.ask(&[("client_id", evil), ("subject_token", evil)]).await, "a client and a token"),
    ] {
        assert!(answer.status.is_client_error(), "{why}: {}", answer.text);
        assert_oauth_error(&answer, why);
        assert!(!answer.text.contains("mellon") && !answer.text.contains("quo"), "{why}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_on_the_path_is_an_oauth_error() {
    let world = world().await;
    let get = world.app.get("/token").await;
    let (json, zipped) = (("content-type", "application/json"), ("content-encoding", "gzip"));
    let elsewhere = world.app.get("/token/").await;
    let answers = [
        (405, get),
        (404, elsewhere),
        (415, world.post_raw(&[json], "{}").await),
        (415, world.post_with(&[zipped], "x").await),
        (413, world.post_with(&[], "x".repeat(70_000)).await),
        (400, world.post_with(&[], "%").await),
        (400, world.ask(&[("scope", "\"")]).await),
        (400, world.ask_with("garbage", &[]).await),
        (401, world.post_with(&[("authorization", "Bearer x")], world.body()).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status.as_u16(), status);
        assert_oauth_error(&answer, &status.to_string());
    }
}

/// RFC 6749 section 5.2, and the headers that every answer has.
fn assert_oauth_error(answer: &Answer, why: &str) {
    let body = answer.json();
    let description = body["error_description"].as_str().unwrap_or_else(|| panic!("{why}: {}", answer.text));
    assert!(description.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{why}: {description}");
    assert!(body["access_token"].is_null() && body["error"].is_string(), "{why}: {}", answer.text);
    assert!(body["error_uri"].as_str().unwrap().starts_with("https://sts.example/errors#"), "{why}");
    for (name, expected) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000"),
        ("server", ""),
    ] {
        assert_eq!(answer.header(name), expected, "{why}: {name}");
    }
}

/// Posts a good form with one parameter as these very bytes.
async fn spoilt(world: &World, name: &str, value: &str) -> Answer {
    let body = world.body();
    let kept: Vec<_> = body.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
    world.post_with(&[], format!("{}&{name}={value}", kept.join("&"))).await
}
