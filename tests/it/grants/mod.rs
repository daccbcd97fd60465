//! Three grants over one engine: the same token, asked for in three ways, is permitted, denied and narrowed alike. `docs/conformance.md`
//! names the rows that each test stands for.

mod actors;
mod chaining;
mod matrix;
mod narrowing;
mod wire;

use cambist::exchange::{CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE};
use serde_json::Value;

use crate::support::{Answer, TestApp, World};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The targets of [`TRUST`].
const REPORTS: &str = "https://reports.example";
const PARTNER: &str = "https://as.partner.example";
const CLUSTER: &str = "https://cluster.example";

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"

[issuer.cluster]
preset = "oidc"
url = "https://cluster.example"
owner = "o@example.com"

[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
max_lifetime = "10m"
scopes = { use = "Use it", look = "Look at it", mend = "Mend it" }

[target.reports]
audience = "https://reports.example"
owner = "o@example.com"
scopes = { use = "Use it" }

[target.vault]
audience = "https://vault.example"
owner = "o@example.com"
bind = "dpop"
scopes = { use = "Use it" }

[target.basement]
audience = "https://basement.example"
owner = "o@example.com"
bind = "mtls"
scopes = { use = "Use it" }

[target.shy]
audience = "https://shy.example"
owner = "o@example.com"
token_format = "opaque"
scopes = { use = "Use it" }

[target.partner]
audience = "https://as.partner.example"
owner = "o@example.com"
authorization_server = true
scopes = { use = "Use it" }

[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To be asked in three ways"
review_by = 2099-12-31
when = { sub = "workload-example", environment = "production" }
claims = { place = "environment" }
grant = [
  { target = "deploy", scopes = ["use", "look"], lifetime = "5m", narrow = true },
  { target = "reports", scopes = ["use"], cap_to_subject = true },
  { target = "vault", scopes = ["use"], narrow = true },
  { target = "basement", scopes = ["use"] },
  { target = "shy", scopes = ["use"], narrow = true },
  { target = "partner", scopes = ["use"] },
]

[trust.pair]
issuer = "ci"
owner = "o@example.com"
purpose = "To need two who agree"
review_by = 2099-12-31
when = { sub = "pair" }
grant = [{ target = "deploy", scopes = ["use", "look"], narrow = true }]
[trust.pair.actor]
issuer = "cluster"
as = "act"
when = { sub = "actor" }

[trust.watched]
issuer = "ci"
owner = "o@example.com"
purpose = "To have a witness"
review_by = 2099-12-31
when = { sub = "watched" }
grant = [{ target = "deploy", scopes = ["use"], narrow = true }]
[trust.watched.actor]
issuer = "cluster"
as = "witness"
when = { sub = "actor" }
"#;

/// The three ways to present a token of another issuer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Exchange,
    JwtBearer,
    ClientCredentials,
}

impl Way {
    const ALL: [Self; 3] = [Self::Exchange, Self::JwtBearer, Self::ClientCredentials];

    /// A form that presents the token so.
    fn form(self, token: &str) -> Vec<(&'static str, &str)> {
        match self {
            Self::Exchange => vec![("grant_type", TOKEN_EXCHANGE), ("subject_token_type", JWT), ("subject_token", token)],
            Self::JwtBearer => vec![("grant_type", JWT_BEARER), ("assertion", token)],
            Self::ClientCredentials => {
                vec![("grant_type", CLIENT_CREDENTIALS), ("client_assertion_type", JWT_ASSERTION), ("client_assertion", token)]
            }
        }
    }

    /// Status and `error` for a token that is bad or not accepted (RFC 8693 section 2.2.2, RFC 7523 sections 3.1 and 3.2).
    const fn bad_token(self) -> &'static str {
        match self {
            Self::Exchange => "400 invalid_request",
            Self::JwtBearer => "400 invalid_grant",
            Self::ClientCredentials => "401 invalid_client",
        }
    }

    /// The same for a client that is known and gets nothing this way.
    const fn unauthorized(self) -> &'static str {
        match self {
            Self::Exchange | Self::JwtBearer => self.bad_token(),
            Self::ClientCredentials => "400 unauthorized_client",
        }
    }
}

/// An application that trusts two issuers.
struct Two {
    ci: World,
    cluster: World,
}

impl Two {
    async fn new() -> Self {
        let ci = World::of(TRUST).await;
        let cluster = World::around(ci.app.clone(), "oidc", CLUSTER);
        Self { ci, cluster }
    }

    /// A token of `ci` from production, with these claims.
    fn token(&self, claims: &[(&str, Value)]) -> String {
        let usual = [("environment", Value::from("production"))];
        let claims: Vec<_> =
            usual.into_iter().filter(|(name, _)| claims.iter().all(|(other, _)| other != name)).chain(claims.iter().cloned()).collect();
        self.ci.token_with(&claims)
    }

    /// A token of `ci` for this subject.
    fn of(&self, subject: &str) -> String {
        self.token(&[("sub", subject.into())])
    }

    /// A token of the actor, never seen before.
    fn actor(&self, claims: &[(&str, Value)]) -> String {
        let usual = [("sub", Value::from("actor"))];
        let claims: Vec<_> =
            usual.into_iter().filter(|(name, _)| claims.iter().all(|(other, _)| other != name)).chain(claims.iter().cloned()).collect();
        self.cluster.token_with(&claims)
    }

    async fn ask(&self, way: Way, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = way.form(token);
        form.extend_from_slice(more);
        self.app().post(&form).await
    }

    /// An exchange with an actor token.
    async fn together(&self, subject: &str, actor: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("actor_token", actor), ("actor_token_type", JWT), ("audience", crate::support::DEPLOY)];
        form.extend_from_slice(more);
        self.ask(Way::Exchange, subject, &form).await
    }

    /// A token of ours, presented to be narrowed.
    async fn narrow(&self, own: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", TOKEN_EXCHANGE), ("subject_token_type", ACCESS_TOKEN), ("subject_token", own)];
        form.extend_from_slice(more);
        self.app().post(&form).await
    }

    fn app(&self) -> &TestApp {
        &self.ci.app
    }
}
