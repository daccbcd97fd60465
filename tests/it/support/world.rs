//! An application, and an issuer that it trusts.

use axum::body::Body;
use axum::http::Request;
use cambist::cli::dev_issuer::{DevIssuer, MintRequest};
use cambist::domain::IssuerUrl;
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::{Answer, ISSUER, OWN_ISSUER, TestApp, Trail};

/// The audience that [`World::ask`] asks for.
pub(crate) const DEPLOY: &str = "https://deploy.example.com";

/// An application with one published issuer. Its tokens are signed by OpenSSL, not by anything that verifies them.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) issuer: DevIssuer,
    preset: &'static str,
}

impl World {
    /// An application with this trust, and the issuer `ISSUER` with the preset `oidc`.
    pub(crate) async fn of(trust: &str) -> Self {
        Self::with_preset("oidc", ISSUER, trust).await
    }

    /// The same with an issuer of another preset and URL.
    pub(crate) async fn with_preset(preset: &'static str, url: &str, trust: &str) -> Self {
        Self::around(TestApp::with_trust(trust).await.unwrap(), preset, url)
    }

    /// The issuer of an application that runs already.
    pub(crate) fn around(app: TestApp, preset: &'static str, url: &str) -> Self {
        let clock = std::sync::Arc::clone(&app.clock);
        let issuer = DevIssuer::new(IssuerUrl::parse(url).unwrap(), OWN_ISSUER.into(), clock).unwrap();
        app.web.publish(url, &issuer.key_set().unwrap());
        Self { app, issuer, preset }
    }

    /// What a token of the preset's platform looks like, signed as the platform signs.
    pub(crate) fn request(&self) -> MintRequest {
        MintRequest::of(self.preset)
    }

    pub(crate) fn mint(&self, request: &MintRequest) -> String {
        let token = self.issuer.mint(request).unwrap();
        Trail::token(&token);
        token
    }

    /// A fresh token.
    pub(crate) fn token(&self) -> String {
        self.mint(&self.request())
    }

    /// A fresh token with these claims.
    pub(crate) fn token_with(&self, claims: &[(&str, Value)]) -> String {
        let request = claims.iter().fold(self.request(), |request, (name, value)| request.with(name, value.clone()));
        self.mint(&request)
    }

    /// A good request with a fresh token, but for these parameters: those that the good one has too are replaced.
    pub(crate) async fn ask(&self, change: &[(&str, &str)]) -> Answer {
        self.ask_with(&self.token(), change).await
    }

    /// The same with this token.
    pub(crate) async fn ask_with(&self, token: &str, change: &[(&str, &str)]) -> Answer {
        let mut form = TestApp::form(token, DEPLOY);
        form.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
        form.extend_from_slice(change);
        self.app.post(&form).await
    }

    /// A good request without one of its parameters, and with others.
    pub(crate) async fn ask_without(&self, name: &str, others: &[(&str, &str)]) -> Answer {
        let token = self.token();
        let mut form = TestApp::form(&token, DEPLOY);
        form.retain(|(known, _)| *known != name);
        form.extend_from_slice(others);
        self.app.post(&form).await
    }

    /// A good body, to be spoilt by hand.
    pub(crate) fn body(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(&self.token(), DEPLOY)).finish()
    }

    /// Posts a body with nothing but these headers.
    pub(crate) async fn post_raw(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let request = headers.iter().fold(Request::post("/token"), |request, (name, value)| request.header(*name, *value));
        self.app.send(request.body(body.into()).unwrap()).await
    }

    /// Posts a good form with these headers beside its `Content-Type`.
    pub(crate) async fn post_with(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
        self.post_raw(&headers, body).await
    }

    /// The line of an answer in the decision log. Lines of requests without a verified token are written a moment later.
    pub(crate) async fn recorded(&self, answer: &Answer) -> Value {
        let id = answer.header("cambist-decision");
        for _ in 0..2_000 {
            if let Some(line) = self.app.decisions().into_iter().find(|line| line["decision"] == id) {
                return line;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("the decision {id:?} is not in the log");
    }
}

/// The media type of the token endpoint.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// `error`, status and `family: reason` of an answer, in one line.
pub(crate) fn verdict(answer: &Answer) -> String {
    let body = answer.json();
    match body["error"].as_str() {
        Some(error) => format!("{} {error} {}", answer.status.as_u16(), answer.reason()),
        None => format!("{} {}", answer.status.as_u16(), body["scope"].as_str().unwrap_or_default()),
    }
}
