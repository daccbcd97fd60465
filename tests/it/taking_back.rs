//! Every road on which a token is accepted, against everything that can be taken back.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use cambist::app::open_store;
use cambist::config::Settings;
use cambist::document::Diagnostics;
use cambist::domain::{Audience, ClaimPath, Clock as _, IssuerName, RelationshipName, Seconds, Timestamp};
use cambist::revocation::{Change, Jti, Lift, Rule, Selector, publish};
use cambist::store::{OpenMode, Store};
use serde_json::json;

use crate::support::{Answer, DEPLOY, FORM, ISSUER, NOW, OWN_ISSUER, TestApp, World};

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
replay = "reusable"
token_max_age = "1h"
[issuer.ops]
preset = "oidc"
url = "https://ops.example"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"
[issuer.mesh]
preset = "spiffe"
trust_domain = "acme.example"
bundle_endpoint = "https://spire.acme.example/bundle"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it" }
introspection = ["inspector"]
[target.sts]
audience = "https://sts.example"
owner = "o@example.com"
scopes = { introspect = "Ask about tokens" }
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "A workload alone"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["use"], narrow = true }]
[trust.led]
issuer = "ci"
owner = "o@example.com"
purpose = "A pod acts for a job"
review_by = 2099-12-31
when = { sub = "led" }
grant = [{ target = "deploy", scopes = ["use"] }]
[trust.led.actor]
issuer = "cluster"
as = "act"
when = { sub = "pod" }
[trust.watched]
issuer = "ci"
owner = "o@example.com"
purpose = "A pod vouches for a job"
review_by = 2099-12-31
when = { sub = "watched" }
grant = [{ target = "deploy", scopes = ["use"] }]
[trust.watched.actor]
issuer = "cluster"
as = "witness"
when = { sub = "pod" }
[trust.ledger]
issuer = "mesh"
owner = "o@example.com"
purpose = "A workload of the mesh"
review_by = 2099-12-31
when = { sub = "spiffe://acme.example/ns/payments/sa/ledger" }
grant = [{ target = "deploy", scopes = ["use"] }]
[trust.inspector]
issuer = "ops"
owner = "o@example.com"
purpose = "To ask about tokens"
review_by = 2099-12-31
when = { sub = "inspector" }
grant = [{ target = "sts", scopes = ["introspect"] }]
"#;

/// The roads. The last three are questions about a token of ours: for one alone, with an actor in it, with a witness behind it.
const ROADS: [&str; 12] =
    ["exchange", "assertion", "credentials", "sdk", "svid", "svid client", "act", "witness", "narrow", "ask", "ask act", "ask witness"];

/// An application whose tokens were all issued at [`NOW`], and who presents what to it.
struct Site {
    ci: World,
    cluster: World,
    mesh: World,
    store: Store,
    /// Tokens of ours.
    alone: Answer,
    led: Answer,
    watched: Answer,
    bearer: String,
}

impl Site {
    async fn new() -> Self {
        let app = TestApp::with_trust(TRUST).await.unwrap();
        let of = |preset, url| World::around(app.clone(), preset, url);
        let (ci, cluster) = (of("oidc", ISSUER), of("oidc", "https://cluster.example"));
        let (ops, mesh) = (of("oidc", "https://ops.example"), of("spiffe", "https://mesh.example"));
        app.web.page("https://spire.acme.example/bundle", 200, &mesh.issuer.bundle().unwrap());
        let settings = Settings::load(&app.folder.path().join("cambist.toml"), &Diagnostics::new()).unwrap();
        let store = open_store(&settings, OpenMode::Command).await.unwrap();
        let alone = ci.ask_with(&job(&ci, "workload-example"), &[]).await;
        let bearer = ops.ask_with(&ops.token_with(&[("sub", json!("inspector"))]), &[("audience", OWN_ISSUER)]).await.token().unwrap();
        let mut site = Self { led: alone.clone(), watched: alone.clone(), alone, bearer, ci, cluster, mesh, store };
        site.led = site.together("led").await;
        site.watched = site.together("watched").await;
        site
    }

    /// A job with a pod beside it.
    async fn together(&self, subject: &str) -> Answer {
        let pod = self.cluster.token_with(&[("sub", json!("pod")), ("jti", json!("pod-1"))]);
        let actor = [("actor_token", &*pod), ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt")];
        self.ci.ask_with(&job(&self.ci, subject), &actor).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header(FORM.0, FORM.1).header("authorization", format!("Bearer {}", self.bearer));
        let request = if path == "/introspect" { request } else { Request::post(path).header(FORM.0, FORM.1) };
        self.ci.app.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn as_client(&self, path: &str, client: &str, assertion: (&str, &str), target: (&str, &str)) -> Answer {
        let kind = format!("urn:ietf:params:oauth:client-assertion-type:{}", assertion.0);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_assertion_type", &kind),
            ("client_assertion", assertion.1),
            target,
        ];
        self.post(path, &form).await
    }

    async fn ask(&self, about: &Answer) -> Answer {
        self.post("/introspect", &[("token", &about.token().unwrap())]).await
    }

    async fn take(&self, road: &str) -> Answer {
        let job = job(&self.ci, "workload-example");
        let svid = || self.mesh.token_with(&[("iat", json!(NOW))]);
        let to_deploy = ("audience", DEPLOY);
        match road {
            "exchange" => self.ci.ask_with(&job, &[]).await,
            "assertion" => {
                let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                self.post("/token", &[grant, ("assertion", &job), to_deploy]).await
            }
            "credentials" => self.as_client("/token", "web-shop", ("jwt-bearer", &job), to_deploy).await,
            "sdk" => {
                let scope = ("scope", "https://deploy.example.com/.default");
                self.as_client("/contoso/oauth2/v2.0/token", "web-shop", ("jwt-bearer", &job), scope).await
            }
            "svid" => self.mesh.ask_with(&svid(), &[]).await,
            "svid client" => self.as_client("/token", "ledger", ("jwt-spiffe", &svid()), to_deploy).await,
            "act" => self.together("led").await,
            "witness" => self.together("watched").await,
            "narrow" => {
                let own = [("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")];
                self.ci.ask_with(&self.alone.token().unwrap(), &own).await
            }
            "ask" => self.ask(&self.alone).await,
            "ask act" => self.ask(&self.led).await,
            "ask witness" => self.ask(&self.watched).await,
            _ => panic!("{road}"),
        }
    }

    /// The roads that are closed.
    async fn closed(&self) -> BTreeSet<&'static str> {
        let mut closed = BTreeSet::new();
        for road in ROADS {
            let answer = self.take(road).await;
            if road.starts_with("ask") {
                let active = answer.status == 200 && answer.json()["active"] == true;
                assert!(active || answer.status == 401 || answer.text == r#"{"active":false}"#, "{road}: {answer:?}");
                closed.extend((!active).then_some(road));
            } else if answer.status != 200 {
                // The other is for a key of ours that would sign: what is presented is good.
                let known = ["denied: revoked", "unavailable: signing_unavailable"].contains(&&*answer.reason());
                assert!(known, "{road}: {answer:?}");
                closed.insert(road);
            }
        }
        closed
    }

    async fn publish(&self, change: impl Into<Change>) {
        publish(&self.store, &change.into(), &*self.ci.app.clock).await.unwrap();
    }
}

fn job(ci: &World, subject: &str) -> String {
    ci.token_with(&[("sub", json!(subject)), ("jti", json!("run-1"))])
}

fn part(token: &Answer, index: usize, name: &str) -> Box<str> {
    token.token_part(index)[name].as_str().unwrap().into()
}

/// Each selector with the roads that it closes.
fn rows(site: &Site) -> Vec<(Selector, Vec<&'static str>)> {
    let issuer = |name: &str| Selector::Issuer(IssuerName::parse(name).unwrap());
    let relationship = |name: &str| Selector::Relationship(RelationshipName::parse(name).unwrap());
    let target = |audience: &str| Selector::Target(Audience::parse(audience).unwrap());
    let claim = |path: &str, value: &str, issuer: Option<&str>| Selector::Claim {
        path: ClaimPath::parse(path).unwrap(),
        value: value.into(),
        issuer: issuer.map(|name| IssuerName::parse(name).unwrap()),
    };
    let kid_of = |world: &World| -> Box<str> { world.issuer.key_set().unwrap()["keys"][0]["kid"].as_str().unwrap().into() };
    let shop = ["exchange", "assertion", "credentials", "sdk", "narrow", "ask"].to_vec();
    let pod = ["act", "witness", "ask act", "ask witness"].to_vec();
    let questions = ["ask", "ask act", "ask witness"].to_vec();
    let svid = ["svid", "svid client"].to_vec();
    let ci = [&shop[..], &pod].concat();
    vec![
        (Selector::All, ROADS.to_vec()),
        (issuer("ci"), ci.clone()),
        (issuer("cluster"), pod.clone()),
        (issuer("mesh"), svid.clone()),
        (issuer("ops"), questions.clone()),
        (relationship("web-shop"), shop.clone()),
        (relationship("led"), vec!["act", "ask act"]),
        (relationship("watched"), vec!["witness", "ask witness"]),
        (relationship("ledger"), svid.clone()),
        (relationship("inspector"), questions.clone()),
        (Selector::Subject("ci:workload-example".into()), shop.clone()),
        (Selector::Subject("cluster:pod".into()), pod.clone()),
        (Selector::Subject("mesh:spiffe://acme.example/ns/payments/sa/ledger".into()), svid),
        (target(DEPLOY), ROADS.to_vec()),
        (target(OWN_ISSUER), questions.clone()),
        (Selector::TokenId(Jti::parse("run-1").unwrap()), ci),
        (Selector::TokenId(Jti::parse("pod-1").unwrap()), pod.clone()),
        (Selector::TokenId(Jti::parse(&part(&site.alone, 1, "jti")).unwrap()), vec!["narrow", "ask"]),
        (Selector::TokenId(Jti::parse(&part(&site.led, 1, "jti")).unwrap()), vec!["ask act"]),
        (Selector::KeyId(kid_of(&site.cluster)), pod.clone()),
        (Selector::KeyId(part(&site.alone, 0, "kid")), ROADS.to_vec()),
        (claim("sub", "workload-example", None), shop.clone()),
        (claim("sub", "workload-example", Some("ci")), shop),
        (claim("sub", "pod", Some("cluster")), pod),
        (claim("sub", "pod", Some("mesh")), vec![]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_closes_every_road_that_it_is_about_and_no_other_until_it_is_lifted() {
    let site = Site::new().await;
    assert_eq!(site.closed().await, BTreeSet::new(), "nothing is revoked");
    for (selector, expected) in rows(&site) {
        let rule = Rule::block(selector.clone(), "a test", "root@here", site.ci.app.clock.now());
        site.publish(rule.clone()).await;
        assert_eq!(site.closed().await, expected.into_iter().collect(), "{selector}");
        site.publish(Change::Lift(Lift { rule: rule.id, by: "root@here".into(), made_at: rule.made_at })).await;
    }
    assert_eq!(site.closed().await, BTreeSet::new(), "all were lifted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_off_closes_the_same_roads_for_what_is_older_and_none_for_what_is_newer() {
    let now = Timestamp::from_unix(NOW);
    let count = rows(&Site::new().await).len();
    for index in 0..count {
        let site = Site::new().await;
        let (selector, expected) = rows(&site).swap_remove(index);
        site.publish(Rule::cut_off(selector.clone(), "a test", "root@here", now - Seconds(60))).await;
        assert_eq!(site.closed().await, BTreeSet::new(), "{selector}: everything is newer");
        site.publish(Rule::cut_off(selector.clone(), "a test", "root@here", now)).await;
        assert_eq!(site.closed().await, expected.into_iter().collect(), "{selector}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_holder_takes_back_falls_with_all_that_was_narrowed_from_it() {
    let site = Site::new().await;
    let narrowed = site.take("narrow").await;
    let again = {
        let own = [("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")];
        site.ci.ask_with(&narrowed.token().unwrap(), &own).await
    };
    assert_eq!(site.ask(&again).await.json()["active"], true);
    assert_eq!(site.post("/revoke", &[("token", &narrowed.token().unwrap())]).await.status, 200);
    assert_eq!((site.ask(&narrowed).await.text, site.ask(&site.alone).await.json()["active"].clone()), (INACTIVE.into(), json!(true)));
    assert_eq!(site.post("/revoke", &[("token", &site.alone.token().unwrap())]).await.status, 200);
    for token in [&site.alone, &narrowed, &again] {
        assert_eq!(site.ask(token).await.text, INACTIVE);
        let own = [("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")];
        assert_eq!(site.ci.ask_with(&token.token().unwrap(), &own).await.reason(), "denied: revoked");
    }
    assert_eq!(site.closed().await, ["narrow", "ask"].into());
}

const INACTIVE: &str = r#"{"active":false}"#;
