//! The real application with manual edges.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use cambist::app::{App, Edges, open_store};
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{Audience, Clock as _, IssuerName, ManualClock, RelationshipName, Timestamp};
use cambist::exchange::TOKEN_EXCHANGE;
use cambist::http::PeerAddress;
use cambist::revocation::{Change, Jti, Lift, Rule, RuleId, Selector, publish};
use cambist::store::OpenMode;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{Answer, FakeWeb, NOW, OWN_ISSUER, Trail};

/// What `main` builds, with a clock and a network that tests control. Cheap to clone; the clones are one application.
#[derive(Clone)]
pub(crate) struct TestApp {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) web: Arc<FakeWeb>,
    pub(crate) app: Arc<App>,
    pub(crate) folder: Arc<TempDir>,
    public: Router,
    admin: Router,
}

impl TestApp {
    /// With this trust file. The error is what an administrator would read.
    pub(crate) async fn with_trust(trust: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("trust")).unwrap();
        fs::write(folder.path().join("trust/test.toml"), trust).unwrap();
        fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n")).unwrap();
        Self::start_in(folder).await
    }

    /// In a folder with a `cambist.toml`.
    pub(crate) async fn start_in(folder: TempDir) -> Result<Self, String> {
        Trail::follow();
        let diagnostics = Diagnostics::new();
        let settings = Settings::load(&folder.path().join("cambist.toml"), &diagnostics).ok_or_else(|| render(&diagnostics))?;
        if settings.store.file().is_some_and(|file| !file.exists()) {
            // A hundred seconds old, so that its fence is behind the tokens of the tests.
            let then = Arc::new(ManualClock::at(Timestamp::from_unix(NOW - 100)));
            App::prepare_store(&settings, then).await.map_err(|error| error.to_string())?;
        }
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(NOW)));
        let web = Arc::new(FakeWeb::default());
        let edges = Edges { clock: Arc::clone(&clock) as _, fetch: Arc::clone(&web) as _ };
        let app = App::build(settings, edges).await.map_err(|error| error.to_string())?;
        Ok(Self { clock, web, public: app.public_router(), admin: app.admin_router(), app, folder: Arc::new(folder) })
    }

    /// Replaces the trust file and lets the application look at it. Whether the new one is in force shows in what it answers.
    pub(crate) async fn change_trust(&self, trust: &str) {
        fs::write(self.folder.path().join("trust/test.toml"), trust).unwrap();
        self.app.reload_trust(true).await;
    }

    /// The form of a good exchange of this token.
    pub(crate) fn form<'a>(token: &'a str, audience: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", token),
            ("audience", audience),
        ]
    }

    /// Exchanges a token for this audience.
    pub(crate) async fn exchange(&self, token: &str, audience: &str) -> Answer {
        self.post(&Self::form(token, audience)).await
    }

    /// Posts a form to the token endpoint.
    pub(crate) async fn post(&self, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded").body(Body::from(body)).unwrap();
        self.send(request).await
    }

    /// Any request to the public listener.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        // As a server does twice a second: a test may have moved the clock.
        self.app.follow_revocations().await;
        let answer = Answer::of(self.public.clone().oneshot(request).await.unwrap()).await;
        if let Some(token) = answer.token() {
            Trail::token(&token);
        }
        answer
    }

    /// GET on the public listener.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// GET on the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        Answer::of(self.admin.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()).await
    }

    /// Reads the keys of every issuer, as a server does at start: after what was published, before the first token.
    pub(crate) async fn warm(&self) {
        self.app.warm_issuers();
        let settled = |issuer: &Value| !(issuer["last_success"].is_null() && issuer["last_error"].is_null());
        while !self.admin("/readyz").await.json()["issuers"].as_array().unwrap().iter().all(settled) {
            tokio::task::yield_now().await;
        }
    }

    /// Refuses, from now on, what has this value of this kind, as the command does; the application looks at once.
    pub(crate) async fn block(&self, kind: &str, value: &str) -> RuleId {
        let selector = match kind {
            "issuer" => Selector::Issuer(IssuerName::parse(value).unwrap()),
            "all" => Selector::All,
            "kid" => Selector::KeyId(value.into()),
            "jti" => Selector::TokenId(Jti::parse(value).unwrap()),
            "relationship" => Selector::Relationship(RelationshipName::parse(value).unwrap()),
            "subject" => Selector::Subject(value.into()),
            "target" => Selector::Target(Audience::parse(value).unwrap()),
            other => panic!("no test selects by {other}"),
        };
        let rule = Rule::block(selector, "a test", "root@here", self.clock.now());
        self.change_revocations(rule.clone().into()).await;
        rule.id
    }

    /// Lifts a block.
    pub(crate) async fn unblock(&self, rule: &RuleId) {
        let lift = Lift { rule: rule.clone(), by: "root@here".into(), made_at: self.clock.now() };
        self.change_revocations(Change::Lift(lift)).await;
    }

    async fn change_revocations(&self, change: Change) {
        let settings = Settings::load(&self.folder.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
        let store = open_store(&settings, OpenMode::Command).await.unwrap();
        publish(&store, &change, &*self.clock).await.unwrap();
        self.app.follow_revocations().await;
    }

    /// The lines of the decision log that are about requests.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        lines_in(&self.log_file(), "decision")
    }

    /// What the lines of this kind say, and other lines do not.
    pub(crate) fn log_lines(&self, kind: &str) -> Vec<Value> {
        let mut lines = lines_in(&self.log_file(), kind);
        for line in lines.iter_mut().filter_map(Value::as_object_mut) {
            line.retain(|name, _| !["seq", "prev", "kind", "time", "node"].contains(&&**name));
        }
        lines
    }

    /// Where the decision log is.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("state/decisions.jsonl")
    }
}

/// The decisions in a log.
pub(crate) fn decisions_in(file: &Path) -> Vec<Value> {
    lines_in(file, "decision")
}

fn lines_in(file: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["kind"] == kind).collect()
}

fn render(diagnostics: &Diagnostics) -> String {
    diagnostics.sorted().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A request as it comes from somewhere.
pub(crate) trait FromPeer {
    /// The same from this address.
    fn sent_by(self, address: &str) -> Self;
}

impl FromPeer for Request<Body> {
    fn sent_by(mut self, address: &str) -> Self {
        self.extensions_mut().insert(PeerAddress(address.parse().unwrap()));
        self
    }
}
