//! The workload's side: one POST with a form.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    decision: String,
}

impl Reply {
    pub(super) fn decision(&self) -> &str {
        &self.decision
    }
}

/// Asks for the scope `deploy:web` at the demo's one target.
pub(super) async fn exchange(endpoint: &str, token: &str) -> anyhow::Result<Reply> {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", crate::exchange::TOKEN_EXCHANGE)
        .append_pair("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")
        .append_pair("subject_token", token)
        .append_pair("audience", "https://deploy.example.com")
        .append_pair("scope", "deploy:web")
        .finish();
    #[expect(clippy::disallowed_methods, reason = "the demo plays the workload: it talks to our own server on loopback, as curl would")]
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let request = client.post(endpoint).header("content-type", "application/x-www-form-urlencoded").body(form);
    let response = request.send().await.context("the demo's own server does not answer")?;
    let decision = response.headers().get("cambist-decision").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    Ok(Reply { status, body: serde_json::from_slice(&response.bytes().await?)?, decision })
}

/// The claims of an issued token, to look at.
pub(super) fn claims_of(body: &Value) -> Option<Value> {
    let payload = body["access_token"].as_str()?.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
