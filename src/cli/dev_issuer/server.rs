//! The HTTP face of the development issuer.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use crate::token::Algorithm;

use super::issuer::{DevIssuer, MintRequest};

/// Discovery document, key set, and `POST /mint`.
pub(super) fn router(issuer: Arc<DevIssuer>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(key_set))
        .route("/mint", post(mint))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(issuer)
}

async fn discovery(State(issuer): State<Arc<DevIssuer>>) -> Response {
    document(&issuer.discovery())
}

async fn key_set(State(issuer): State<Arc<DevIssuer>>) -> Response {
    match issuer.key_set() {
        Ok(keys) => document(&keys),
        Err(error) => refuse(&error),
    }
}

/// The body is a JSON object of claims, or `{"preset": …, "claims": {…}, "algorithm": …, "expires_in": …, "typ": …}`; the same settings may
/// stand in the query. Answers the bare token, or `{"token": …}` to those who accept JSON only.
async fn mint(State(issuer): State<Arc<DevIssuer>>, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Response {
    match request(query.as_deref().unwrap_or_default(), &body).and_then(|request| issuer.mint(&request)) {
        Ok(token) => {
            let json = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"));
            if json { document(&json!({ "token": token })) } else { format!("{token}\n").into_response() }
        }
        Err(error) => refuse(&error),
    }
}

fn request(query: &str, body: &[u8]) -> anyhow::Result<MintRequest> {
    let body: Map<String, Value> = match body {
        [] => Map::new(),
        body => serde_json::from_slice(body).context("the body is no JSON object of claims")?,
    };
    let mut settings: Map<String, Value> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
    let claims = match body.get("claims") {
        Some(Value::Object(claims)) => {
            let claims = claims.clone();
            settings.extend(body.into_iter().filter(|(name, _)| name != "claims"));
            claims
        }
        _ => body,
    };
    let mut request = MintRequest { claims, ..MintRequest::of("oidc") };
    for (name, value) in settings {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match name.as_str() {
            "preset" => request.preset = text,
            "algorithm" => request.algorithm = Algorithm::from_name(&text).with_context(|| format!("`{text}` is no algorithm"))?,
            "expires_in" => request.expires_in = Some(text.parse().context("`expires_in` is a number of seconds")?),
            "typ" => request.typ = text,
            _ => anyhow::bail!("`{name}` is no setting; there are: preset, algorithm, expires_in, typ, claims"),
        }
    }
    Ok(request)
}

fn document(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

fn refuse(error: &anyhow::Error) -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/plain")], format!("{error:#}\n")).into_response()
}
