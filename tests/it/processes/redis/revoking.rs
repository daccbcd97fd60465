//! Taking back on one of three servers, and what the others then do.

use std::time::Duration;

use cambist::cli::dev_issuer::MintRequest;

use super::{PASSWORD, Site, until_ready};
use crate::servers::{Persistence, RedisOptions, RedisServer};
use crate::support::{Answer, OWN_ISSUER, Server, Trail, eventually};

/// Runs a command that takes something back, on this node; all three must have heard of it when it ends.
fn everywhere(server: &Server, arguments: &[&str]) -> String {
    let (code, said) = server.command(&[arguments, &["--reason", "a test"]].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    assert!(said.contains("effective on 3 of 3 nodes after"), "{said}");
    let id = said.split_once('(').unwrap().1.split_once(')').unwrap().0;
    id.to_owned()
}

fn lift(server: &Server, id: &str) {
    let (code, said) = server.command(&["unblock", id]);
    assert!(code == Some(0) && said.contains("effective on 3 of 3 nodes"), "{said}");
}

/// Posts a form.
fn post(server: &Server, path: &str, authorization: &str, form: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\n{authorization}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.client().send(request.as_bytes()).unwrap();
    answer.token().iter().for_each(|token| Trail::token(token));
    answer
}

/// An access token of somebody who may ask about tokens, and whom nothing of these tests takes back but `--all`.
fn inspector(site: &Site, server: &Server) -> String {
    let token = site.once.token();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", &token),
        ("audience", OWN_ISSUER),
    ];
    post(server, "/token", "", &form).token().unwrap()
}

/// Whether a node says that a token of ours is good. Nobody is told when the inspector is nobody any more.
fn is_active(server: &Server, inspector: &str, token: &str) -> bool {
    let answer = post(server, "/introspect", &format!("authorization: Bearer {inspector}\r\n"), &[("token", token)]);
    answer.status == 200 && answer.json()["active"] == true
}

/// A token of the issuer that may be used often.
fn token(site: &Site) -> String {
    site.reusable.mint(&MintRequest::of("oidc").with("jti", "run-1").with("repository_id", "821093847"))
}

fn each_selector_refuses_on_every_other_node(site: &Site, nodes: [&Server; 3]) {
    let kid = {
        let header = token(site).split('.').next().map(str::to_owned).unwrap();
        let header = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).unwrap();
        serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let inspector = inspector(site, nodes[0]);
    let issued = nodes[0].exchange(&token(site));
    let own = issued.token().unwrap();
    let of_own = issued.token_part(1)["jti"].as_str().unwrap().to_owned();
    for (selected, only_issued) in [
        (&["--issuer", "batch"][..], false),
        (&["--jti", &of_own], true),
        (&["--relationship", "nightly"], false),
        (&["--subject", "batch:workload-example"], false),
        (&["--target", "deploy"], false),
        (&["--jti", "run-1"], false),
        (&["--kid", &kid], false),
        (&["--claim", "sub=workload-example", "--issuer", "batch"], false),
        (&["--all"], false),
    ] {
        assert!(nodes.iter().all(|node| is_active(node, &inspector, &own)), "{selected:?}");
        let id = everywhere(nodes[0], &[&["block"], selected].concat());
        for node in &nodes[1..] {
            assert!(!is_active(node, &inspector, &own), "{selected:?}");
            let answer = node.exchange(&token(site));
            if only_issued {
                assert_eq!(answer.status, 200, "{answer:?}");
                continue;
            }
            assert_eq!((answer.status.as_u16(), &*answer.reason()), (400, "denied: revoked"), "{selected:?}");
        }
        lift(nodes[0], &id);
        assert!(nodes.iter().all(|node| node.exchange(&token(site)).status == 200), "{selected:?}");
    }
}

#[test]
fn what_is_revoked_on_one_node_is_refused_by_all_also_without_messages_and_after_a_restart() {
    let site = Site::new();
    let default = include_str!("../../../../deploy/redis/users.acl").lines().next().and_then(|line| line.strip_prefix("user "));
    let users = vec![default.unwrap().to_owned(), RedisOptions::documented_user(PASSWORD)];
    let redis = RedisServer::start(&RedisOptions { persistence: Persistence::AofAlways, users, ..RedisOptions::default() });
    let (mut first, mut second, mut third) = (site.first(&redis), site.another("n2", &redis), site.another("n3", &redis));
    each_selector_refuses_on_every_other_node(&site, [&first, &second, &third]);
    let line = second.decisions().into_iter().rfind(|line| line["reason"] == "revoked").unwrap();
    assert!(line["outcome"] == "denied" && line["revocation"].as_str().unwrap().len() == 26 && line["relationship"] == "nightly");
    assert!(second.process_log().contains("a revocation is in force") && second.process_log().contains("a block was lifted"));

    redis.command(&["ACL", "SETUSER", "cambist", "-subscribe", "-publish"]);
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    each_selector_refuses_on_every_other_node(&site, [&first, &second, &third]);

    let (once, nobody) = (site.once.token(), inspector(&site, &first));
    let (own, ended) = (first.exchange(&token(&site)).token().unwrap(), first.exchange(&token(&site)).token().unwrap());
    assert!(is_active(&second, &nobody, &own));
    assert_eq!(post(&first, "/revoke", "", &[("token", &ended)]).status, 200, "holding it is enough");
    eventually("every node knows", || [&first, &second, &third].iter().all(|node| !is_active(node, &nobody, &ended)));
    let cut_off = everywhere(&first, &["revoke", "--relationship", "web-shop"]);
    let block = everywhere(&second, &["block", "--issuer", "batch"]);
    for server in [&mut first, &mut second, &mut third] {
        assert_eq!(server.terminate(), Some(0));
    }
    redis.restart();
    for server in [&mut first, &mut second, &mut third] {
        server.restart();
        until_ready(server);
        assert_eq!(server.exchange(&once).reason(), "denied: revoked");
        assert_eq!(server.exchange(&token(&site)).reason(), "denied: revoked");
        assert!(!is_active(server, &nobody, &own) && !is_active(server, &nobody, &ended));
        eventually("it is counted", || server.admin("/metrics").text.contains("cambist_revocation_rules 3"));
    }
    let (code, said) = third.command(&["revocations"]);
    assert!(code == Some(0) && said.contains(&cut_off) && said.contains(&block) && said.contains("a test"), "{said}");
    let (code, said) = third.command(&["unblock", &cut_off]);
    assert!(code == Some(1) && said.contains("is a cut-off") && said.contains("Nothing needs to be done"), "{said}");
}

#[test]
fn an_emptied_redis_is_given_back_what_was_revoked() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let (first, second, third) = (site.first(&redis), site.another("n2", &redis), site.another("n3", &redis));
    everywhere(&first, &["block", "--issuer", "batch"]);
    redis.command(&["FLUSHALL"]);
    for node in [&first, &second, &third] {
        let answer = node.exchange(&token(&site));
        assert!(["denied: revoked", "unavailable: revocations_stale"].contains(&&*answer.reason()), "{answer:?}");
    }
    eventually("it is there again", || {
        let (code, said) = third.command(&["revocations"]);
        code == Some(0) && said.contains("issuer batch")
    });
    let (code, said) = first.command(&["block", "--target", "deploy", "--reason", "a test"]);
    assert!(code == Some(3) && said.contains("effective on 3 nodes after") && said.contains("there may be more"), "{said}");
    assert!(said.contains("The store does not know all nodes") && !said.contains("3 of 3"), "{said}");
}

#[test]
fn a_server_that_was_stopped_issues_nothing_that_was_revoked_meanwhile() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let first = site.first(&redis);
    let bounded = |node: &str| {
        let options = site.options(node, &redis.url(), "[revocation]\nmax_stale = '5s'");
        let server = Server::start(&options);
        until_ready(&server);
        server
    };
    let stopped = bounded("n2");
    assert_eq!(stopped.exchange(&token(&site)).status, 200);
    stopped.signal("STOP");
    let (code, said) = first.command(&["block", "--issuer", "batch", "--reason", "a test"]);
    assert!(code == Some(3) || said.contains("n2 silent since"), "{said}");
    assert!(said.contains("effective on 1 of") && said.contains("n2 "), "{said}");
    std::thread::sleep(Duration::from_secs(6));
    let (code, said) = first.command(&["block", "--target", "deploy", "--reason", "a test"]);
    assert!(code == Some(0) && said.contains("effective on 1 of 1 nodes") && said.contains("n2 silent since"), "{said}");
    // Requests wait in its sockets, and are the first that it sees.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..20).map(|_| scope.spawn(|| stopped.exchange(&token(&site)))).collect();
        std::thread::sleep(Duration::from_millis(300));
        stopped.signal("CONT");
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    for answer in answers {
        let reason = answer.reason();
        assert!(["denied: revoked", "unavailable: revocations_stale"].contains(&&*reason), "{answer:?}");
    }
    eventually("it knows", || stopped.exchange(&token(&site)).reason() == "denied: revoked");
}

#[test]
fn a_node_without_its_store_stops_when_its_knowledge_is_too_old() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    drop(site.first(&redis));
    let server = Server::start(&site.options("n2", &redis.url(), "[revocation]\nmax_stale = '5s'"));
    until_ready(&server);
    redis.stop_process();
    assert_eq!(server.exchange(&token(&site)).status, 200, "for a while it goes on, where nothing is to be remembered");
    eventually("its knowledge is too old", || server.exchange(&token(&site)).reason() == "unavailable: revocations_stale");
    let answer = server.exchange(&token(&site));
    assert!(answer.status == 503 && !answer.header("retry-after").is_empty(), "{answer:?}");
    eventually("it says so", || server.degraded().contains(&"revocations_stale".to_owned()));
    redis.continue_process();
    eventually("it goes on", || server.exchange(&token(&site)).status == 200);
    eventually("and says so", || server.degraded().is_empty());
}
