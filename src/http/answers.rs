//! Answers of the public listener, and the headers that each of them carries.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::header::{HeaderName, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::Frame;

use crate::domain::{DecisionId, Digest256, IssuerUrl, Seconds};
use crate::limits::Remaining;

use super::OauthError;

/// Names the decision that an answer belongs to, on success too.
pub const DECISION_HEADER: HeaderName = HeaderName::from_static("cambist-decision");

/// Room for the headers of nearly every answer, those included that the server adds.
const USUAL_HEADERS: usize = 12;

/// How a client of the token endpoint may name itself.
const BASIC: &str = "Basic realm=\"cambist\"";

/// draft-ietf-httpapi-ratelimit-headers-10.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes answers: everything they need to know of our issuer. Nothing is derived from `Host` or `X-Forwarded-*`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Answers(Arc<Issuer>);

#[derive(Debug)]
struct Issuer {
    errors_url: String,
    https: bool,
}

impl Answers {
    /// For the issuer of our tokens.
    #[must_use]
    pub fn new(issuer: &IssuerUrl) -> Self {
        Self(Arc::new(Issuer { errors_url: issuer.join("/errors"), https: issuer.as_str().starts_with("https:") }))
    }

    /// An OAuth error: JSON, never cached (RFC 6749 §5.2).
    #[must_use]
    pub fn error(&self, error: &OauthError) -> Response<Body> {
        let body = serde_json::json!({
            "error": error.code.as_str(),
            "error_description": error.description(),
            "error_uri": format!("{}#{}", self.0.errors_url, error.reason),
        });
        let mut response = self.uncached_json(error.status, body.to_string().into(), error.decision.as_deref().copied());
        let headers = response.headers_mut();
        let unauthorized = (error.status == StatusCode::UNAUTHORIZED).then_some(BASIC);
        if let Some(challenge) = error.challenge.or(unauthorized) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(Seconds(seconds)) = error.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(limited) = &error.limited {
            add_limit(headers, limited.policy_header(), limited.header());
        }
        response
    }

    /// The successful answer of the token endpoint (RFC 6749 §5.1, RFC 8693 §2.2.1). `body` is its JSON.
    #[must_use]
    pub fn token(&self, body: Vec<u8>, decision: DecisionId) -> Response<Body> {
        self.uncached_json(StatusCode::OK, body.into(), Some(decision))
    }

    /// What a caller is told of a token (RFC 7662 §2.2). `body` is its JSON.
    #[must_use]
    pub(super) fn introspection(&self, body: Vec<u8>) -> Response<Body> {
        self.uncached_json(StatusCode::OK, body.into(), None)
    }

    /// 200 and nothing else (RFC 7009 §2.2).
    #[must_use]
    pub(super) fn done(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        self.harden(response.headers_mut());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// 405 with the methods that the path knows, for example `POST` (RFC 9110 §15.5.6).
    #[must_use]
    pub fn method_not_allowed(&self, allow: &'static str) -> Response<Body> {
        self.method_error(allow, &OauthError::malformed(StatusCode::METHOD_NOT_ALLOWED, "method"))
    }

    /// The same for an error that already names its decision.
    #[must_use]
    pub fn method_error(&self, allow: &'static str, error: &OauthError) -> Response<Body> {
        let mut response = self.error(error);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        response
    }

    /// 404, for every path that no route has.
    #[must_use]
    pub fn not_found(&self) -> Response<Body> {
        self.error(&OauthError::malformed(StatusCode::NOT_FOUND, "not_found"))
    }

    /// A document that anybody may cache, or 304 when the caller holds it already.
    #[must_use]
    pub fn document(&self, document: &Document, request: &HeaderMap) -> Response<Body> {
        let fresh = is_held(request, &document.etag);
        let mut response = Response::new(if fresh { Body::new(NoBody) } else { Body::from(document.bytes.clone()) });
        self.harden(response.headers_mut());
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, document.cache_control.clone());
        headers.insert(ETAG, document.etag.clone());
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(document.content_type));
        }
        response
    }

    /// Text for people and probes, never cached.
    pub(super) fn text(&self, status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.reserve(USUAL_HEADERS);
        self.harden(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn uncached_json(&self, status: StatusCode, body: Bytes, decision: Option<DecisionId>) -> Response<Body> {
        let mut response = self.text(status, "application/json", body);
        let headers = response.headers_mut();
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some(value) = decision.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
            headers.insert(DECISION_HEADER, value);
        }
        response
    }

    fn harden(&self, headers: &mut HeaderMap) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.0.https {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
    }
}

/// Tells a caller that is counted what is left to it: behind the limit that the answer is about, where it is about one.
pub(super) fn give_remaining(response: &mut Response<Body>, remaining: Option<Remaining>) {
    if let Some(remaining) = remaining {
        add_limit(response.headers_mut(), remaining.policy_header(), remaining.header());
    }
}

/// Both headers are lists (RFC 9651 §3.1), which may stand on several lines.
fn add_limit(headers: &mut HeaderMap, policy: String, state: String) {
    // Both are ASCII.
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    }
}

/// A document rendered once: bytes, type, strong `ETag`, and how long it may be cached.
#[derive(Clone, Debug)]
pub struct Document {
    bytes: Bytes,
    content_type: &'static str,
    etag: HeaderValue,
    cache_control: HeaderValue,
}

impl Document {
    /// Takes rendered bytes; the tag is 128 bits of their SHA-256. Nothing is copied.
    #[must_use]
    pub fn new(bytes: Arc<[u8]>, content_type: &'static str, max_age: Seconds) -> Self {
        let digest = Digest256::of(&bytes).to_string();
        Self::tagged(bytes, &digest[..32], content_type, max_age)
    }

    /// The same where the tag is known: visible ASCII without quotes, other for other bytes.
    #[must_use]
    pub fn tagged(bytes: Arc<[u8]>, tag: &str, content_type: &'static str, max_age: Seconds) -> Self {
        Self {
            bytes: Bytes::from_owner(bytes),
            content_type,
            // Neither fails while the texts are ASCII. The fallbacks only forbid caching.
            etag: HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\"")),
            cache_control: HeaderValue::try_from(format!("public, max-age={}", max_age.0)).unwrap_or(HeaderValue::from_static("no-store")),
        }
    }
}

/// The body of a 304. Unlike an empty one it has no length that would become a `Content-Length: 0`: on a 304 that would speak of the
/// document (RFC 9110 §8.6).
struct NoBody;

impl HttpBody for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// Whether `If-None-Match` names the tag: a list, compared weakly, or `*` (RFC 9110 §13.1.2).
fn is_held(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = request.get_all(IF_NONE_MATCH);
    let mut tags = lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::OauthCode;
    use super::super::testing::transcript;
    use super::*;

    fn answers(issuer: &str) -> Answers {
        Answers::new(&IssuerUrl::parse(issuer).unwrap())
    }

    #[tokio::test]
    async fn an_oauth_error_has_one_shape() {
        let error = OauthError::malformed(StatusCode::BAD_REQUEST, "parameter_missing").with_detail("subject_token");
        insta::assert_snapshot!(transcript(answers("https://sts.test").error(&error)).await, @r#"
        400 Bad Request
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        content-type: application/json
        cache-control: no-store
        pragma: no-cache

        {"error":"invalid_request","error_description":"malformed: parameter_missing (subject_token)","error_uri":"https://sts.test/errors#parameter_missing"}
        "#);
    }

    #[tokio::test]
    async fn an_unavailable_dependency_says_when_to_try_again() {
        let id = DecisionId::random_at(1_800_000_000_000);
        let error = OauthError::unavailable("store_unavailable", Seconds(2)).with_decision(id);
        let written = transcript(answers("http://localhost:1/t").error(&error)).await.replace(&id.to_string(), "ID");
        insta::assert_snapshot!(written, @r#"
        503 Service Unavailable
        x-content-type-options: nosniff
        content-type: application/json
        cache-control: no-store
        pragma: no-cache
        cambist-decision: ID
        retry-after: 2

        {"error":"temporarily_unavailable","error_description":"unavailable: store_unavailable; decision ID","error_uri":"http://localhost:1/t/errors#store_unavailable"}
        "#);
    }

    #[tokio::test]
    async fn an_unauthorized_client_is_told_the_scheme() {
        let error = OauthError::new(StatusCode::UNAUTHORIZED, OauthCode::InvalidClient, "malformed", "client_secret");
        let response = answers("https://sts.test").error(&error);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Basic realm=\"cambist\"");
    }

    #[tokio::test]
    async fn another_method_is_told_which_one_is_allowed() {
        insta::assert_snapshot!(transcript(answers("https://sts.test").method_not_allowed("POST")).await, @r#"
        405 Method Not Allowed
        x-content-type-options: nosniff
        strict-transport-security: max-age=31536000
        content-type: application/json
        cache-control: no-store
        pragma: no-cache
        allow: POST

        {"error":"invalid_request","error_description":"malformed: method","error_uri":"https://sts.test/errors#method"}
        "#);
    }

    #[test]
    fn a_document_that_the_caller_holds_is_not_sent_again() {
        let document = Document::new(b"{}".as_slice().into(), "application/json", Seconds(300));
        let tag = document.etag.to_str().unwrap().to_owned();
        assert_eq!(tag.len(), 34, "128 bits of digest in quotes");
        for (value, held, why) in [
            (tag.clone(), true, "the very tag"),
            (format!("W/{tag}"), true, "weak comparison"),
            (format!("\"x\", {tag}"), true, "one of a list"),
            ("*".to_owned(), true, "any"),
            ("\"x\"".to_owned(), false, "another tag"),
            (tag.replace('"', ""), false, "an unquoted tag is no tag"),
            (String::new(), false, "empty"),
        ] {
            let mut request = HeaderMap::new();
            request.append(IF_NONE_MATCH, HeaderValue::from_static("\"first-line\""));
            request.append(IF_NONE_MATCH, value.parse().unwrap());
            let response = answers("https://sts.test").document(&document, &request);
            let expected = if held { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!(response.status(), expected, "{why}");
            assert_eq!(response.headers()[ETAG], tag.as_str(), "{why}");
        }
    }
}
