//! Introspection (RFC 7662) and revocation (RFC 7009) over the whole application.

mod assertions;
mod callers;
mod introspection;
mod notice;
mod proofs;
mod revocation;
mod taken_back;

use std::fs;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use cambist::app::App;
use cambist::cli::dev_issuer::{DevIssuer, MintRequest};
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{IssuerUrl, ManualClock, Timestamp};
use tempfile::TempDir;

use crate::support::{Answer, DEPLOY, FORM, FromPeer as _, ISSUER, NOW, OWN_ISSUER, TestApp, Trail, World};

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it" }
introspection = ["deploy-api", "inspector"]
[target.reports]
audience = "https://reports.example"
owner = "o@example.com"
scopes = { use = "Use it" }
introspection = ["reports-api"]
[target.opaque]
audience = "https://opaque.example"
owner = "o@example.com"
scopes = { use = "Use it" }
token_format = "opaque"
introspection = ["inspector"]
[target.sts]
audience = "https://sts.example"
owner = "o@example.com"
scopes = { introspect = "Ask about tokens", other = "Something else" }
[client.deploy-api]
owner = "o@example.com"
jwks_file = "deploy-api.jwks"
[client.reports-api]
owner = "o@example.com"
jwks_file = "deploy-api.jwks"
[client.gone]
owner = "o@example.com"
jwks_file = "gone.jwks"
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To have tokens that somebody asks about"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["use"], narrow = true }, { target = "reports", scopes = ["use"] }, { target = "opaque", scopes = ["use"] }]
claims = { env = "env" }
[trust.inspector]
issuer = "ci"
owner = "o@example.com"
purpose = "To ask about tokens"
review_by = 2099-12-31
when = { sub = "inspector" }
grant = [{ target = "sts", scopes = ["introspect", "other"] }, { target = "deploy", scopes = ["use"] }]
"#;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const INACTIVE: &str = r#"{"active":false}"#;

/// An application, an issuer that it trusts, and the keys of the two registered clients.
struct Bench {
    world: World,
    client: DevIssuer,
}

impl Bench {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With more lines in the configuration.
    async fn with(config: &str) -> Self {
        let (folder, client) = Self::prepared(config);
        let world = World::around(TestApp::start_in(folder).await.unwrap(), "oidc", ISSUER);
        Self { world, client }
    }

    /// On a store that was made just now, and so knows nothing of the time before.
    async fn on_a_new_store() -> Self {
        let (folder, client) = Self::prepared("");
        let settings = Settings::load(&folder.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
        App::prepare_store(&settings, Arc::new(ManualClock::at(Timestamp::from_unix(NOW)))).await.unwrap();
        let world = World::around(TestApp::start_in(folder).await.unwrap(), "oidc", ISSUER);
        Self { world, client }
    }

    fn prepared(config: &str) -> (TempDir, DevIssuer) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(NOW)));
        let client = DevIssuer::new(IssuerUrl::parse("https://client.example").unwrap(), OWN_ISSUER.into(), clock).unwrap();
        fs::create_dir(folder.path().join("trust")).unwrap();
        fs::write(folder.path().join("trust/test.toml"), TRUST).unwrap();
        fs::write(folder.path().join("trust/deploy-api.jwks"), client.key_set().unwrap().to_string()).unwrap();
        fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n{config}\n")).unwrap();
        (folder, client)
    }

    /// A token of ours for this audience.
    async fn issued(&self, audience: &str) -> String {
        let token = self.world.token_with(&[("env", "prod".into())]);
        self.world.app.exchange(&token, audience).await.token().unwrap()
    }

    /// An access token of the relationship `inspector` for ourselves, with these scopes.
    async fn bearer(&self, scope: &str) -> String {
        let token = self.world.token_with(&[("sub", "inspector".into())]);
        let answer = self.world.ask_with(&token, &[("audience", OWN_ISSUER), ("scope", scope)]).await;
        answer.token().unwrap_or_else(|| panic!("{}", answer.text))
    }

    /// A good assertion of `deploy-api`, but for what is changed.
    fn assertion(&self, change: impl FnOnce(MintRequest) -> MintRequest) -> String {
        let request = MintRequest::of("oidc").with("iss", "deploy-api").with("sub", "deploy-api").with("iat", NOW).with("exp", NOW + 60);
        let assertion = self.client.mint(&change(request)).unwrap();
        Trail::token(&assertion);
        assertion
    }

    /// Posts this form with these headers.
    async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = [FORM].iter().chain(headers).fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        self.world.app.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Asks about a token with an access token.
    async fn ask(&self, bearer: &str, token: &str) -> Answer {
        self.post("/introspect", &[("authorization", &format!("Bearer {bearer}"))], &[("token", token)]).await
    }

    /// Asks about a token with an assertion.
    async fn ask_as_client(&self, assertion: &str, token: &str) -> Answer {
        let client = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        self.post("/introspect", &[], &[client[0], client[1], ("token", token)]).await
    }

    /// The same from this address.
    async fn ask_as_client_from(&self, peer: &str, assertion: &str, token: &str) -> Answer {
        let form = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion), ("token", token)];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post("/introspect").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
        self.world.app.send(request.sent_by(peer)).await
    }

    /// Whether a token is good, as the target's resource server sees it.
    async fn is_active(&self, token: &str) -> bool {
        let answer = self.ask(&self.bearer("introspect").await, token).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        answer.json()["active"] == true
    }

    /// A token for [`DEPLOY`].
    async fn token(&self) -> String {
        self.issued(DEPLOY).await
    }
}

/// Status, `error`, reason and challenge of an answer in one line.
fn refusal(answer: &Answer) -> String {
    let challenge = answer.header("www-authenticate");
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    format!("{} {error} {} | {challenge}", answer.status.as_u16(), answer.reason())
}
