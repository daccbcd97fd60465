use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use hyper::body::Frame;
use secrecy::ExposeSecret as _;

use super::super::OauthError;
use super::*;

const FORM: &str = "application/x-www-form-urlencoded";

fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn read(headers: &[(&str, &str)], body: impl Into<Body>) -> Result<Form, FormError> {
    Form::read(&head("/token", headers), body.into(), &BodyRoom::new(1)).await
}

#[test]
fn a_value_is_decoded_strictly() {
    for (body, expected, why) in [
        ("scope=a+b", Ok("a b"), "`+` is a space"),
        ("scope=a%20b", Ok("a b"), "so is %20"),
        ("scope=a%2Bb", Ok("a+b"), "an escaped plus stays"),
        ("scope=caf%C3%A9", Ok("café"), "octets are UTF-8"),
        ("scope=caf%c3%a9", Ok("café"), "hexadecimal digits in either case"),
        ("scope=a=b", Ok("a=b"), "only the first `=` separates"),
        ("scope=a;audience=b", Ok("a;audience=b"), "`;` separates nothing"),
        ("sc%6fpe=x", Ok("x"), "names are decoded too"),
        ("&&scope=x&", Ok("x"), "empty pairs are nothing"),
        ("scope=%zz", Err(FormFault::PercentEncoding), "no hexadecimal digits"),
        ("scope=%4", Err(FormFault::PercentEncoding), "one digit"),
        ("scope=%", Err(FormFault::PercentEncoding), "no digit"),
        ("scope=%+1", Err(FormFault::PercentEncoding), "a sign is no digit"),
        ("scope=%ff", Err(FormFault::Utf8), "no UTF-8, and no replacement character"),
        ("scope=%C3", Err(FormFault::Utf8), "half a character"),
        ("scope=%ED%A0%80", Err(FormFault::Utf8), "a surrogate"),
        ("scope=%C0%AF", Err(FormFault::Utf8), "overlong"),
        ("scope=%00", Err(FormFault::ControlCharacter), "NUL"),
        ("scope=a%0Ab", Err(FormFault::ControlCharacter), "a line feed"),
        ("scope=a\n", Err(FormFault::ControlCharacter), "a raw line feed"),
        ("scope=%7F", Err(FormFault::ControlCharacter), "DEL"),
        ("scope=%C2%85", Err(FormFault::ControlCharacter), "a C1 control character"),
        ("unknown=%zz&scope=x", Err(FormFault::PercentEncoding), "the form is read as a whole"),
    ] {
        let value = Form::parse(body.as_bytes()).map(|mut form| form.take_one(Parameter::Scope).unwrap_or_default());
        assert_eq!(value, expected.map(str::to_owned).map_err(FormError::Syntax), "{why}: {body}");
    }
}

#[test]
fn a_known_parameter_stands_once() {
    for (body, expected, why) in [
        ("grant_type=a&grant_type=a", Some(Parameter::GrantType), "even with the same value"),
        ("grant_type=a&grant%5Ftype=b", Some(Parameter::GrantType), "an escape hides nothing"),
        ("scope=a&scope=b", Some(Parameter::Scope), "scopes are one list"),
        ("client_id=a&client_id=b", Some(Parameter::ClientId), "nor the client"),
        ("scope=&scope=b", None, "an empty value is absent"),
        ("Scope=a&scope=b", None, "names are case-sensitive"),
        ("foo=a&foo=b", None, "unknown parameters are ignored"),
        ("audience=a&audience=b", None, "RFC 8693 section 2.1"),
        ("resource=a&resource=a", None, "RFC 8707 section 2"),
    ] {
        assert_eq!(Form::parse(body.as_bytes()).err(), expected.map(FormError::Repeated), "{why}: {body}");
    }
}

#[test]
fn an_empty_value_is_an_absent_one() {
    let mut form = Form::parse(b"subject_token=&scope&audience=&audience=b&resource=").unwrap();
    assert!(!form.has(Parameter::SubjectToken) && !form.has(Parameter::Scope) && !form.has(Parameter::Resource));
    assert_eq!(form.take_all(Parameter::Audience), ["b"]);
    assert!(form.take_token(Parameter::SubjectToken).is_none());
}

#[test]
fn a_form_is_small() {
    let many = |count: usize| (0..count).map(|index| format!("p{index}=1")).collect::<Vec<_>>().join("&");
    let name = |length: usize| format!("{}=1", "n".repeat(length));
    for (body, expected, why) in [
        (many(64), None, "the limit itself"),
        (many(65), Some(FormFault::TooMany), "one more"),
        (many(1_000), Some(FormFault::TooMany), "many more"),
        ("&".repeat(10_000), None, "empty pairs are no parameters"),
        (name(128), None, "the longest name"),
        (name(129), Some(FormFault::LongName), "one byte more"),
        (format!("{}=1", "%6E".repeat(128)), None, "counted after decoding"),
    ] {
        assert_eq!(Form::parse(body.as_bytes()).err(), expected.map(FormError::Syntax), "{why}");
    }
}

#[test]
fn a_form_never_shows_its_values() {
    let mut form = Form::parse(b"subject_token=hush.hush.hush&client_secret=hush&audience=a&client_assertion=hush").unwrap();
    assert_eq!(format!("{form:?}"), r#"["subject_token", "client_secret", "audience", "client_assertion"]"#);
    let (token, secret) = (form.take_token(Parameter::SubjectToken).unwrap(), form.take_secret(Parameter::ClientSecret).unwrap());
    assert!(!format!("{token:?} {secret:?}").contains("hush"));
    assert_eq!((token.reveal(), secret.expose_secret()), ("hush.hush.hush", "hush"));
    assert_eq!(form.take_all(Parameter::Audience), ["a"]);
    assert_eq!(format!("{form:?}"), r#"["client_assertion"]"#, "what was taken is gone");
}

#[tokio::test]
async fn only_a_form_in_utf_8_is_read() {
    for (headers, accepted, why) in [
        (vec![("content-type", FORM)], true, "the usual form"),
        (vec![("content-type", "Application/X-WWW-Form-URLencoded; Charset=UTF-8")], true, "any case"),
        (vec![("content-type", "application/x-www-form-urlencoded;charset=\"utf-8\"")], true, "quoted"),
        (vec![("content-type", FORM), ("content-encoding", "identity")], true, "identity is no encoding"),
        (vec![("content-type", "application/x-www-form-urlencoded; charset=latin1")], false, "another charset"),
        (vec![("content-type", "application/x-www-form-urlencoded; boundary=x")], false, "another parameter"),
        (vec![("content-type", "application/x-www-form-urlencoded2")], false, "a longer name"),
        (vec![("content-type", "application/json")], false, "JSON"),
        (vec![("content-type", "multipart/form-data; boundary=x")], false, "multipart"),
        (vec![("content-type", FORM), ("content-type", FORM)], false, "two of them"),
        (vec![], false, "none"),
    ] {
        let error = read(&headers, "scope=a").await.err();
        assert_eq!(error, (!accepted).then_some(FormError::ContentType), "{why}");
    }
    for encoding in ["gzip", "deflate", "identity, gzip", ""] {
        let error = read(&[("content-type", FORM), ("content-encoding", encoding)], "scope=a").await.err();
        assert_eq!(error, Some(FormError::ContentEncoding), "{encoding}");
    }
}

#[tokio::test]
async fn a_query_is_refused_and_not_echoed() {
    for (uri, refused) in [("/token", false), ("/token?", false), ("/token?audience=hush", true), ("/token?x", true)] {
        let error = Form::read(&head(uri, &[("content-type", FORM)]), "scope=a".into(), &BodyRoom::new(1)).await.err();
        assert_eq!(error, refused.then_some(FormError::Query), "{uri}");
    }
    assert!(!OauthError::from(FormError::Query).description().contains("hush"));
}

#[tokio::test]
async fn a_correlation_id_is_the_one_thing_that_a_query_may_hold_and_only_where_sdks_write_it() {
    let long = format!("/token?client-request-id={}", "a".repeat(65));
    for (uri, refused, why) in [
        ("/token", false, "none"),
        ("/token?client-request-id=0f6e4c1e-6a0e-4c44-9a52-2f5a3c1d9b10", false, "as SDKs write it"),
        ("/token?client-request-id=", true, "empty"),
        (&long, true, "long enough to be something else"),
        ("/token?client-request-id=eyJ.eyJ.x", true, "a token"),
        ("/token?client-request-id=1&audience=a", true, "and something else"),
        ("/token?audience=a", true, "something else"),
    ] {
        let head = head(uri, &[("content-type", FORM)]);
        let error = Form::read_beside_correlation_id(&head, "scope=a".into(), &BodyRoom::new(1)).await.err();
        assert_eq!(error, refused.then_some(FormError::Query), "{why}");
    }
    let elsewhere = head("/token?client-request-id=1", &[("content-type", FORM)]);
    assert_eq!(Form::read(&elsewhere, "scope=a".into(), &BodyRoom::new(1)).await.err(), Some(FormError::Query));
}

#[tokio::test]
async fn a_body_is_at_most_64_kib() {
    let body = |length: usize| format!("foo={}", "x".repeat(length - 4));
    assert!(read(&[("content-type", FORM)], body(MAX_BODY_BYTES)).await.is_ok(), "the limit itself");
    assert_eq!(read(&[("content-type", FORM)], body(MAX_BODY_BYTES + 1)).await.err(), Some(FormError::BodyTooLarge), "counted");
    let endless = Body::new(Endless);
    let announced = read(&[("content-type", FORM), ("content-length", "65537")], endless).await;
    assert_eq!(announced.err(), Some(FormError::BodyTooLarge), "refused by its head alone");
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let endless = Body::new(Endless);
    let error =
        Form::read_within(Duration::from_millis(20), &head("/token", &[("content-type", FORM)]), endless, &BodyRoom::new(1)).await.err();
    assert_eq!(error, Some(FormError::BodyTimeout));
}

#[test]
fn every_fault_has_its_status_and_reason() {
    for (error, status, description) in [
        (FormError::BodyBroken, StatusCode::BAD_REQUEST, "malformed: form_syntax"),
        (FormError::BodyTimeout, StatusCode::REQUEST_TIMEOUT, "malformed: body_timeout"),
        (FormError::BodyTooLarge, StatusCode::PAYLOAD_TOO_LARGE, "malformed: body_too_large (at most 64 KiB)"),
        (FormError::ContentEncoding, StatusCode::UNSUPPORTED_MEDIA_TYPE, "malformed: content_encoding"),
        (FormError::ContentType, StatusCode::UNSUPPORTED_MEDIA_TYPE, "malformed: content_type"),
        (FormError::Overloaded, StatusCode::SERVICE_UNAVAILABLE, "unavailable: overloaded"),
        (FormError::Query, StatusCode::BAD_REQUEST, "malformed: query_string"),
        (FormError::Repeated(Parameter::Scope), StatusCode::BAD_REQUEST, "malformed: parameter_repeated (scope)"),
        (FormError::Syntax(FormFault::Utf8), StatusCode::BAD_REQUEST, "malformed: form_syntax (not UTF-8)"),
    ] {
        let answer = OauthError::from(error);
        assert_eq!((answer.status, &*answer.description()), (status, description));
    }
}

/// A body whose next frame never comes.
struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
