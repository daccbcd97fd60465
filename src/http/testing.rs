//! What the tests of this layer share.

use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt as _;

/// Status, headers in their order and body, as text for snapshots.
pub(super) async fn transcript(response: Response<Body>) -> String {
    use std::fmt::Write as _;

    let (parts, body) = response.into_parts();
    let mut text = format!("{}\n", parts.status);
    for (name, value) in &parts.headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let bytes = body.collect().await.unwrap().to_bytes();
    write!(text, "\n{}", std::str::from_utf8(&bytes).unwrap()).unwrap();
    text
}
