//! From an HTTP request to its form: media type, size and deadline.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use axum::http::request::Parts;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::room::Buffer;
use super::{BodyRoom, Form, FormError, FormKind, MAX_BODY_BYTES};

impl Form {
    /// Reads the form of a request to the token endpoint. What can be refused by its head is refused before a byte of the body is read.
    pub async fn read(head: &Parts, body: Body, room: &BodyRoom) -> Result<Self, FormError> {
        check_query(head)?;
        Self::read_within(BODY_DEADLINE, head, body, room).await
    }

    /// The same where Microsoft's SDKs send requests: into the URL they write the id by which they find a request in their own log. It says
    /// nothing, and nothing else may stand there.
    pub async fn read_beside_correlation_id(head: &Parts, body: Body, room: &BodyRoom) -> Result<Self, FormError> {
        if head.uri.query().is_some_and(|query| !query.is_empty() && !is_correlation_id(query)) {
            return Err(FormError::Query);
        }
        Self::read_within(BODY_DEADLINE, head, body, room).await
    }

    /// Reads the form of a request that asks about a token, or takes one back.
    ///
    /// Whether there is a query too is another question: what the body says decides how that is answered.
    pub async fn read_inspection(head: &Parts, body: Body, room: &BodyRoom) -> Result<Self, FormError> {
        let bytes = body_within(BODY_DEADLINE, head, body, room).await?;
        Self::parse_as(FormKind::Inspection, bytes.as_ref())
    }

    /// Whether parameters stand in the URL.
    pub fn has_query(head: &Parts) -> bool {
        head.uri.query().is_some_and(|query| !query.is_empty())
    }

    pub(in crate::http) async fn read_within(deadline: Duration, head: &Parts, body: Body, room: &BodyRoom) -> Result<Self, FormError> {
        let bytes = body_within(deadline, head, body, room).await?;
        Self::parse(bytes.as_ref())
    }
}

/// Parameters stand in the body alone.
fn check_query(head: &Parts) -> Result<(), FormError> {
    if Form::has_query(head) { Err(FormError::Query) } else { Ok(()) }
}

/// The body of a request whose head promises a form.
async fn body_within<'a>(deadline: Duration, head: &Parts, body: Body, room: &'a BodyRoom) -> Result<Buffer<'a>, FormError> {
    check_encoding(&head.headers)?;
    if !is_form(&head.headers) {
        return Err(FormError::ContentType);
    }
    if announced_length(&head.headers) > MAX_BODY_BYTES {
        return Err(FormError::BodyTooLarge);
    }
    timeout(deadline, collect(body, room.buffer())).await.map_err(|_| FormError::BodyTimeout)?
}

/// One parameter, with a UUID or something of that size: too short to be a token.
fn is_correlation_id(query: &str) -> bool {
    let id = query.strip_prefix("client-request-id=");
    id.is_some_and(|id| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// The whole body.
async fn collect(mut body: Body, mut bytes: Buffer<'_>) -> Result<Buffer<'_>, FormError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FormError::BodyBroken)?;
        if let Some(data) = frame.data_ref() {
            bytes.push(data)?;
        }
    }
    Ok(bytes)
}

fn check_encoding(headers: &HeaderMap) -> Result<(), FormError> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) { Ok(()) } else { Err(FormError::ContentEncoding) }
}

/// Exactly one `Content-Type`: the form, with no parameter but `charset=utf-8`, in any case.
fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = only(headers, &CONTENT_TYPE) else { return false };
    let mut pieces = value.split(';').map(str::trim);
    let media_type = pieces.next().unwrap_or_default();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && pieces.all(|piece| {
            let (name, charset) = piece.split_once('=').unwrap_or((piece, ""));
            name.eq_ignore_ascii_case("charset") && charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// What `Content-Length` says; nothing where the body is chunked. Its syntax was checked by the HTTP implementation.
fn announced_length(headers: &HeaderMap) -> usize {
    only(headers, &CONTENT_LENGTH).map_or(0, |value| value.parse().unwrap_or(usize::MAX))
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// From the first look at the body to its last byte.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
