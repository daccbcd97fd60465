//! Probes and metrics.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{MethodRouter, get};

use super::Answers;

/// How ready we are, in words for administrators.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// Whether to send us requests. False only while starting or draining, or without key ring or trust.
    pub ready: bool,
    /// The details: `status`, `degraded`, `trust_version`, …
    pub details: serde_json::Value,
}

/// Tells whether to send us requests at this moment. Strangers may call it at will: it must cost nothing.
pub type ReadyProbe = Arc<dyn Fn() -> bool + Send + Sync>;

/// Tells the readiness at this moment, for administrators. Called for each probe: it must not block.
pub type ReadinessProbe = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// Renders the metrics in the `OpenMetrics` text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// `/livez`: 200 while the process can answer at all.
pub fn livez_route(answers: Answers) -> MethodRouter {
    get(async move || answers.text(StatusCode::OK, PLAIN, "ok\n"))
}

/// `/readyz` of the public listener: 200 or 503, and not one word more.
pub fn readyz_route(answers: Answers, ready: ReadyProbe) -> MethodRouter {
    get(async move || {
        let (status, word) = if ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
        answers.text(status, PLAIN, word)
    })
}

/// `/readyz` of the admin listener: the same status, with every detail.
pub fn readyz_details_route(answers: Answers, probe: ReadinessProbe) -> MethodRouter {
    get(async move || {
        let readiness = probe();
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        answers.text(status, "application/json", readiness.details.to_string())
    })
}

/// `/metrics` of the admin listener.
pub fn metrics_route(answers: Answers, metrics: MetricsText) -> MethodRouter {
    get(async move || answers.text(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics()))
}

const PLAIN: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::super::testing::transcript;
    use super::*;
    use crate::domain::IssuerUrl;

    async fn get_from(route: MethodRouter) -> String {
        let response = route.with_state(()).oneshot(Request::new(Body::empty())).await.unwrap();
        let written = transcript(response).await;
        let (head, body) = written.split_once("\n\n").unwrap();
        let kind = head.lines().find(|line| line.starts_with("content-type")).unwrap_or_default();
        format!("{} | {kind} | {}", head.lines().next().unwrap_or_default(), body.trim_end())
    }

    #[tokio::test]
    async fn the_public_probe_has_no_details_and_the_admin_probe_has_all() {
        let answers = Answers::new(&IssuerUrl::parse("https://sts.test").unwrap());
        let probe = |ready: bool| -> ReadinessProbe {
            let details = serde_json::json!({"status": if ready { "degraded" } else { "not_ready" }, "degraded": ["issuer github"]});
            Arc::new(move || Readiness { ready, details: details.clone() })
        };
        let written = [
            get_from(livez_route(answers.clone())).await,
            get_from(readyz_route(answers.clone(), Arc::new(|| true))).await,
            get_from(readyz_route(answers.clone(), Arc::new(|| false))).await,
            get_from(readyz_details_route(answers.clone(), probe(true))).await,
            get_from(readyz_details_route(answers.clone(), probe(false))).await,
            get_from(metrics_route(answers, Arc::new(|| "# EOF\n".to_owned()))).await,
        ];
        insta::assert_snapshot!(written.join("\n"), @r#"
        200 OK | content-type: text/plain; charset=utf-8 | ok
        200 OK | content-type: text/plain; charset=utf-8 | ready
        503 Service Unavailable | content-type: text/plain; charset=utf-8 | not ready
        200 OK | content-type: application/json | {"status":"degraded","degraded":["issuer github"]}
        503 Service Unavailable | content-type: application/json | {"status":"not_ready","degraded":["issuer github"]}
        200 OK | content-type: application/openmetrics-text; version=1.0.0; charset=utf-8 | # EOF
        "#);
    }
}
