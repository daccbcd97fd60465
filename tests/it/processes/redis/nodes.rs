//! Three servers of one Redis, and commands beside them.

use std::time::Duration;

use super::Site;
use crate::processes::{jwks, kids_of};
use crate::servers::RedisOptions;
use crate::support::{Answer, eventually};

fn kid(answer: &Answer) -> String {
    answer.token_part(0)["kid"].as_str().unwrap().to_owned()
}

#[test]
fn every_node_knows_what_any_node_does() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let first = site.first(&redis);
    let nodes = [&first, &site.another("n2", &redis), &site.another("n3", &redis)];
    let token = &*site.once.token();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..30).map(|post| scope.spawn(move || nodes[post % 3].exchange(token))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.reason() == "rejected: replayed"), "{answers:?}");

    let before = kids_of(&jwks(nodes[0]));
    assert!(nodes.iter().all(|node| kids_of(&jwks(node)) == before));
    let (code, said) = nodes[1].command(&["keys", "rotate"]);
    assert!(code == Some(1) && said.contains("possible from"), "{said}");
    let (code, said) = nodes[1].command(&["keys", "list"]);
    assert!(code == Some(0) && before.iter().all(|kid| said.contains(kid)), "{said}");
    let (code, said) = nodes[1].command(&["keys", "rotate", "--compromised"]);
    assert_eq!(code, Some(0), "{said}");
    for node in nodes {
        eventually("its keys are new", || kids_of(&jwks(node)).iter().all(|kid| !before.contains(kid)));
    }
    for node in nodes {
        let signed_by = kid(&node.exchange(&site.once.token()));
        assert!(nodes.iter().all(|other| kids_of(&jwks(other)).contains(&signed_by)));
    }
    for node in nodes {
        node.until_signed();
        let (code, said) = node.command(&["log", "verify"]);
        assert!(code == Some(0) && said.contains("\nclean"), "keys and heads come from Redis: {said}");
    }
}

#[test]
fn a_server_that_was_stopped_signs_nothing_with_a_key_that_was_dropped_meanwhile() {
    let site = Site::new();
    let redis = Site::redis(RedisOptions::default());
    let stopped = site.first(&redis);
    let other = site.another("n2", &redis);
    let before = kids_of(&jwks(&stopped));
    stopped.signal("STOP");
    let (code, said) = other.command(&["keys", "rotate", "--compromised"]);
    assert_eq!(code, Some(0), "{said}");
    std::thread::sleep(Duration::from_secs(11));
    // Requests wait in its sockets, and are the first that it sees.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..20).map(|_| scope.spawn(|| stopped.exchange(&site.reusable_token()))).collect();
        std::thread::sleep(Duration::from_millis(300));
        stopped.signal("CONT");
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    for answer in answers {
        let signed = answer.status == 200 && !before.contains(&kid(&answer));
        assert!(signed || answer.reason() == "unavailable: signing_unavailable", "{answer:?}");
    }
    eventually("it has looked", || stopped.exchange(&site.reusable_token()).status == 200);
    assert!(!before.contains(&kid(&stopped.exchange(&site.reusable_token()))));
}
