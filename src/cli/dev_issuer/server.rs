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
use crate::trust::Preset;

use super::issuer::{DevIssuer, MintRequest};

/// Discovery document, key set, SPIFFE bundle, `POST /mint`, and `/readyz` for `cambist health`.
pub(super) fn router(issuer: Arc<DevIssuer>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(key_set))
        .route("/bundle", get(bundle))
        .route("/readyz", get(async || "ready\n"))
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

async fn bundle(State(issuer): State<Arc<DevIssuer>>) -> Response {
    match issuer.bundle() {
        Ok(bundle) => document(&bundle),
        Err(error) => refuse(&error),
    }
}

/// The body is a JSON object of claims. Settings (`preset`, `algorithm`, `expires_in`, `typ`) stand in the query, or in the body beside an
/// object `claims`, or beside the claims themselves when one of them is the name of a `preset`. Answers the bare token, or
/// `{"token": …}` to those who accept JSON only.
async fn mint(State(issuer): State<Arc<DevIssuer>>, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Response {
    match request(issuer.usual(), query.as_deref().unwrap_or_default(), &body).and_then(|request| issuer.mint(&request)) {
        Ok(token) => {
            let json = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"));
            if json { document(&json!({ "token": token })) } else { format!("{token}\n").into_response() }
        }
        Err(error) => refuse(&error),
    }
}

fn request(mut request: MintRequest, query: &str, body: &[u8]) -> anyhow::Result<MintRequest> {
    let mut body: Map<String, Value> = match body {
        [] => Map::new(),
        body => serde_json::from_slice(body).context("the body is no JSON object of claims")?,
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        set(&mut request, &name, &Value::String(value.into_owned()))?;
    }
    let names_preset = body.get("preset").and_then(Value::as_str).is_some_and(|name| Preset::named(name).is_some());
    if names_preset || body.get("claims").is_some_and(Value::is_object) {
        let claims = body.remove("claims");
        let settings: Vec<_> = SETTINGS.iter().filter_map(|name| Some((*name, body.remove(*name)?))).collect();
        for (name, value) in settings {
            set(&mut request, name, &value)?;
        }
        if let Some(Value::Object(claims)) = claims {
            body.extend(claims);
        }
    }
    request.claims = body;
    Ok(request)
}

fn set(request: &mut MintRequest, name: &str, value: &Value) -> anyhow::Result<()> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match name {
        "preset" => request.preset = text,
        "algorithm" => request.algorithm = Some(Algorithm::from_name(&text).with_context(|| format!("`{text}` is no algorithm"))?),
        "expires_in" => request.expires_in = Some(text.parse().context("`expires_in` is a number of seconds")?),
        "typ" => request.typ = text,
        _ => anyhow::bail!("`{name}` is no setting; there are: {}", SETTINGS.join(", ")),
    }
    Ok(())
}

/// What can be set beside claims.
const SETTINGS: [&str; 4] = ["preset", "algorithm", "expires_in", "typ"];

fn document(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

fn refuse(error: &anyhow::Error) -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/plain")], format!("{error:#}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stand_in_the_query_or_in_the_body() {
        for (query, body, expected, why) in [
            ("preset=gitlab&algorithm=RS256", r#"{"ref":"main"}"#, ("gitlab", "RS256", r#"{"ref":"main"}"#), "in the query"),
            ("", r#"{"preset":"gitlab","claims":{"ref":"main"}}"#, ("gitlab", "", r#"{"ref":"main"}"#), "beside an object"),
            ("", r#"{"preset":"gitlab","ref":"main"}"#, ("gitlab", "", r#"{"ref":"main"}"#), "beside the claims"),
            ("", r#"{"preset":"mine","ref":"main"}"#, ("oidc", "", r#"{"preset":"mine","ref":"main"}"#), "a claim of that name"),
            ("", "", ("oidc", "", "{}"), "nothing"),
        ] {
            let request = request(MintRequest::of("oidc"), query, body.as_bytes()).unwrap();
            let claims = Value::Object(request.claims).to_string();
            assert_eq!((request.preset.as_str(), request.algorithm.map_or("", Algorithm::name), claims.as_str()), expected, "{why}");
        }
        let usual = || MintRequest::of("oidc");
        assert!(request(usual(), "colour=red", b"").is_err(), "an unknown setting");
        assert!(request(usual(), "", b"[]").is_err(), "no object");
    }
}
