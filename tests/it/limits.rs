//! How much one caller may ask for, over the whole application.

use std::fs;

use axum::body::Body;
use axum::http::Request;
use cambist::domain::Seconds;

use crate::support::{Answer, DEPLOY, FORM, FromPeer as _, ISSUER, OWN_ISSUER, REPORTS, TestApp, World, two_targets, verdict};

const GRANT: &str = r#"{ target = "deploy", scopes = ["use"] }, { target = "reports", scopes = ["use"] }"#;

/// With this `[limits]`, an issuer whose tokens serve again and again, and two relationships.
async fn world(limits: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("trust")).unwrap();
    let trust = two_targets("reusable", GRANT);
    let second = trust[trust.find("[trust.web-shop]").unwrap()..].replace("web-shop", "batch").replace("workload-example", "batch");
    fs::write(folder.path().join("trust/test.toml"), trust + &second).unwrap();
    fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n[limits]\n{limits}\n")).unwrap();
    World::around(TestApp::start_in(folder).await.unwrap(), "oidc", ISSUER)
}

/// A good exchange from this address.
async fn from(world: &World, peer: &str) -> Answer {
    let request = Request::post("/token").header(FORM.0, FORM.1).body(Body::from(world.body())).unwrap();
    world.app.send(request.sent_by(peer)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_too_often_is_told_when_to_come_back() {
    let world = world("per_peer = { rate = \"6/m\", burst = 2 }").await;
    for _ in 0..2 {
        assert_eq!(verdict(&from(&world, "192.0.2.1").await), "200 use");
    }
    let refused = from(&world, "192.0.2.1").await;
    insta::assert_snapshot!(refused.transcript(), @r#"
    429 Too Many Requests
    cache-control: no-store
    cambist-decision: [decision]
    content-type: application/json
    pragma: no-cache
    ratelimit: "peer";r=0;t=10
    ratelimit-policy: "peer";q=2;w=20
    retry-after: 10
    {
      "error": "temporarily_unavailable",
      "error_description": "limited: peer_rate; decision [decision]",
      "error_uri": "https://sts.example/errors#peer_rate"
    }
    "#);
    assert_eq!(world.recorded(&refused).await["outcome"], "limited");
    assert_eq!(verdict(&from(&world, "192.0.2.2").await), "200 use", "another address has a count of its own");
    world.app.clock.advance(Seconds(10));
    assert_eq!(verdict(&from(&world, "192.0.2.1").await), "200 use", "and then it passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_counted_is_told_what_is_left() {
    let world = world("per_peer = { rate = \"6/m\", burst = 5 }\nper_subject = { rate = \"1/m\", burst = 1 }").await;
    let limits = |answer: &Answer| {
        let all =
            |name: &str| answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(", ");
        format!("{} | {} | {}", answer.status.as_u16(), all("ratelimit"), all("ratelimit-policy"))
    };
    assert_eq!(limits(&from(&world, "192.0.2.1").await), "200 | \"peer\";r=4;t=10 | \"peer\";q=5;w=50");
    let both = "429 | \"subject\";r=0;t=60, \"peer\";r=3;t=10 | \"subject\";q=1;w=60, \"peer\";q=5;w=50";
    assert_eq!(limits(&from(&world, "192.0.2.1").await), both, "behind the limit that was reached");
    for (path, status, left) in [("/introspect", 401, 2), ("/revoke", 200, 1), ("/token", 400, 0)] {
        let request = Request::post(path).header(FORM.0, FORM.1).body(Body::from("token=x")).unwrap();
        let answer = world.app.send(request.sent_by("192.0.2.1")).await;
        assert_eq!(limits(&answer), format!("{status} | \"peer\";r={left};t=10 | \"peer\";q=5;w=50"), "{path}");
    }
    assert_eq!(limits(&from(&world, "192.0.2.1").await), "429 | \"peer\";r=0;t=10 | \"peer\";q=5;w=50", "once");
    assert_eq!(limits(&world.app.post(&[("token", "x")]).await), "400 |  | ", "who is not counted is told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_refused_before_its_request_is_read() {
    let world = world("per_peer = { rate = \"1/m\", burst = 1 }").await;
    for expected in ["415 invalid_request malformed: content_type", "429 temporarily_unavailable limited: peer_rate"] {
        let spoilt = Request::post("/token").header("content-type", "text/plain").body(Body::from("!")).unwrap();
        assert_eq!(verdict(&world.app.send(spoilt.sent_by("192.0.2.1")).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_and_a_subject_have_limits_of_their_own() {
    let subject = world("per_subject = { rate = \"1/m\", burst = 2 }").await;
    let relationship = world("per_relationship = { rate = \"1/m\", burst = 2 }\nper_subject = false").await;
    for (world, refused) in [(subject, "subject_rate"), (relationship, "relationship_rate")] {
        for _ in 0..2 {
            assert_eq!(verdict(&world.ask(&[]).await), "200 use");
        }
        assert_eq!(verdict(&world.ask(&[]).await), format!("429 temporarily_unavailable limited: {refused}"));
        let batch = world.token_with(&[("sub", "batch".into())]);
        assert_eq!(verdict(&world.ask_with(&batch, &[]).await), "200 use", "another workload is not concerned");
        let stranger = world.token_with(&[("sub", "stranger".into())]);
        assert_eq!(
            verdict(&world.ask_with(&stranger, &[]).await),
            "400 invalid_request denied: no_relationship",
            "nor is who gets nothing"
        );
        world.app.clock.advance(Seconds(60));
        assert_eq!(verdict(&world.ask(&[]).await), "200 use");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_limited_has_spent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("trust")).unwrap();
    fs::write(folder.path().join("trust/test.toml"), two_targets("once", GRANT)).unwrap();
    let limits = "[limits]\nper_subject = { rate = \"1/m\", burst = 1 }";
    fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n{limits}\n")).unwrap();
    let world = World::around(TestApp::start_in(folder).await.unwrap(), "oidc", ISSUER);
    assert_eq!(verdict(&world.ask(&[]).await), "200 use");
    let token = world.token();
    let limited = world.app.exchange(&token, DEPLOY).await;
    assert_eq!(verdict(&limited), "429 temporarily_unavailable limited: subject_rate");
    assert_eq!(world.recorded(&limited).await["relationship"], "web-shop");
    world.app.clock.advance(Seconds(60));
    assert_eq!(verdict(&world.app.exchange(&token, DEPLOY).await), "200 use", "the same token is good again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_uses_up_neither_its_subjects_limit_nor_its_relationships() {
    for limit in ["per_subject", "per_relationship"] {
        let limits = format!("[limits]\n{limit} = {{ rate = \"1/h\", burst = 5 }}");
        for (mode, left) in [("once", 3), ("once-per-target", 2)] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("trust")).unwrap();
            fs::write(folder.path().join("trust/test.toml"), two_targets(mode, GRANT)).unwrap();
            fs::write(folder.path().join("cambist.toml"), format!("issuer = \"{OWN_ISSUER}\"\n{limits}\n")).unwrap();
            let world = World::around(TestApp::start_in(folder).await.unwrap(), "oidc", ISSUER);
            let spent = world.token();
            assert_eq!(verdict(&world.app.exchange(&spent, DEPLOY).await), "200 use");
            for _ in 0..20 {
                let replay = world.app.exchange(&spent, DEPLOY).await;
                assert_eq!(verdict(&replay), "400 invalid_request rejected: replayed", "{limit}, {mode}");
            }
            // One exchange and the first replay were counted: nobody knew of it yet.
            for _ in 0..left {
                assert_eq!(verdict(&world.ask(&[]).await), "200 use", "{limit}, {mode}: the owner gets what is left");
            }
            if mode == "once-per-target" {
                assert_eq!(verdict(&world.app.exchange(&spent, REPORTS).await), "200 use", "{limit}: there it is not spent");
            }
            let one_more = verdict(&world.ask(&[]).await);
            assert!(one_more.starts_with("429"), "{limit}, {mode}: what is not spent is counted: {one_more}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_off_limits_nobody() {
    let world = world("per_peer = false\nper_relationship = false\nper_subject = false").await;
    let token = world.token();
    for _ in 0..600 {
        assert_eq!(verdict(&world.ask_with(&token, &[]).await), "200 use");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_secrets_is_told_to_stop() {
    let world = world("").await;
    let try_one = async |peer: &str| {
        let body = format!("{}&client_id=web-shop&client_secret=mellon", world.body());
        let request = Request::post("/token").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
        world.app.send(request.sent_by(peer)).await
    };
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(try_one("192.0.2.1").await.status.as_u16());
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 40]].concat());
    let limited = try_one("192.0.2.1").await;
    assert_eq!((verdict(&limited), limited.header("retry-after")), ("429 temporarily_unavailable limited: client_rate".into(), "1"));
    assert_eq!(try_one("192.0.2.2").await.status.as_u16(), 401, "from another address it is the first");
    assert_eq!(verdict(&from(&world, "192.0.2.1").await), "200 use", "and who needs no secret passes, also from there");
}
