//! An answer of the server, and how a test prints it.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// A part of a compact token: 0 the header, 1 the claims.
pub(crate) fn part(compact: &str, index: usize) -> Value {
    let encoded = compact.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
}

/// Status, headers and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The issued token.
    pub(crate) fn token(&self) -> Option<String> {
        self.json()["access_token"].as_str().map(Into::into)
    }

    /// A part of the issued token: 0 the header, 1 the claims.
    pub(crate) fn token_part(&self, index: usize) -> Value {
        part(&self.token().expect("a token was issued"), index)
    }

    /// `rejected: expired`, without the decision.
    pub(crate) fn reason(&self) -> String {
        let description = self.json()["error_description"].as_str().unwrap_or_default().to_owned();
        description.split("; decision").next().unwrap_or_default().into()
    }

    /// The whole answer as a test reads it: status, the headers that matter, the body. What changes with every run is checked for its
    /// shape first and then replaced.
    pub(crate) fn transcript(&self) -> String {
        let mut out = format!("{}\n", self.status);
        for name in [
            "allow",
            "cache-control",
            "cambist-decision",
            "content-type",
            "etag",
            "pragma",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
        ] {
            if self.headers.contains_key(name) {
                let _ = writeln!(out, "{name}: {}", self.shown(name));
            }
        }
        let body = serde_json::from_str::<Value>(&self.text).map_or_else(
            |_| self.text.clone(),
            |mut body| {
                if let Some(token) = body.get_mut("access_token") {
                    assert_eq!(token.as_str().unwrap().split('.').count(), 3, "an issued token is a compact JWS");
                    *token = "[token]".into();
                }
                serde_json::to_string_pretty(&body).unwrap()
            },
        );
        let decision = self.header("cambist-decision");
        out.push_str(&body);
        if decision.is_empty() {
            return out;
        }
        assert!(decision.len() == 26 && decision.bytes().all(|byte| byte.is_ascii_alphanumeric()), "a decision id is a ULID");
        out.replace(decision, "[decision]")
    }

    /// A header as [`Self::transcript`] shows it: who is to come back after a 503 is told a time by chance.
    fn shown(&self, name: &str) -> &str {
        if (name, self.status.as_u16()) != ("retry-after", 503) {
            return self.header(name);
        }
        assert!(matches!(self.header(name), "1" | "2" | "3" | "4" | "5"), "{name}: {}", self.header(name));
        "[1 to 5]"
    }
}
