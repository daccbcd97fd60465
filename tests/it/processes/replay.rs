//! One token is issued for one subject token, whatever happens to the server and its database.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::sync::Barrier;

use cambist::domain::{Clock as _, SystemClock, TokenId};

use super::issued_by_input;
use crate::support::{
    LocalIssuer, Server, ServerOptions, Trail, connect, eventually, exchange_request, exchange_request_with, read_answer, release,
};

/// Posts one token on many connections at the same moment; counts the answers.
fn race(server: &Server, token: &str, posts: usize) -> BTreeMap<String, usize> {
    let (start, address) = (Barrier::new(posts), server.public.parse().unwrap());
    let request = exchange_request(token);
    let post = || {
        let mut connection = BufReader::new(connect(&address).unwrap());
        start.wait();
        connection.get_mut().write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut connection).unwrap();
        format!("{} {}", answer.status.as_u16(), answer.reason())
    };
    let mut counts = BTreeMap::new();
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..posts).map(|_| scope.spawn(post)).collect();
        for racer in racers {
            *counts.entry(racer.join().unwrap()).or_default() += 1;
        }
    });
    counts
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(answer, count)| (answer.into(), count)).collect()
}

#[test]
fn fifty_posts_of_one_token_get_one_token_also_after_a_crash_and_without_the_database() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let token = issuer.token();
    assert_eq!(race(&server, &token, 50), counts([("200 ", 1), ("400 rejected: replayed", 49)]));
    let spent: Vec<_> = issued_by_input(&server).into_values().collect();
    assert_eq!((spent.len(), spent[0].len()), (1, 1), "one line says issued");

    server.kill();
    server.restart();
    assert_eq!(race(&server, &token, 50), counts([("400 rejected: replayed", 50)]), "after kill -9");

    server.kill();
    server.delete_database();
    server.restart();
    assert_eq!(race(&server, &token, 50), counts([("400 rejected: fenced", 50)]), "without the database");
    let before = SystemClock::new().now().unix();
    let fenced = server.exchange(&token);
    let wait: u64 = fenced.header("retry-after").parse().expect("the answer says when a new token helps");
    assert!((1..=16).contains(&wait), "{wait}");
    // The issuer's clock may be ten seconds ahead of ours, so its token is there before the time of its `iat`.
    let after_the_fence = issuer.mint(&release().with("iat", before + wait + 1));
    eventually("a token from after the fence is issued", || {
        let answer = server.exchange(&after_the_fence);
        let early = answer.reason() == "rejected: iat_future";
        assert!(early || answer.status == 200, "{answer:?}");
        !early
    });
    assert_eq!(server.exchange(&after_the_fence).reason(), "rejected: replayed");
    assert_eq!(server.exchange(&token).reason(), "rejected: fenced", "for ever");
}

#[test]
fn a_request_whose_answer_was_lost_in_a_crash_is_repeated() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let (token, key) = (issuer.token(), new_key());
    let request = exchange_request_with(&token, &format!("Idempotency-Key: {key}"));
    let mut connection = connect(&server.public.parse().unwrap()).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    eventually("the token is spent and recorded", || !issued_by_input(&server).is_empty());
    drop(connection);
    server.kill();
    server.restart();
    let answer = server.client().send(request.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    Trail::token(&answer.token().unwrap());
    let recorded: Vec<_> = issued_by_input(&server).into_values().flatten().collect();
    assert_eq!(recorded, [answer.token_part(1)["jti"].as_str().unwrap(); 2], "two lines for one token");
    assert_eq!(server.exchange(&token).reason(), "rejected: replayed", "without the key");
}

fn new_key() -> String {
    let key = TokenId::random().as_str().repeat(2);
    Trail::secret(&key);
    key
}

#[test]
fn a_database_that_is_deleted_while_the_server_runs_opens_no_replay() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let mut used = vec![issuer.token()];
    assert_eq!(server.exchange(&used[0]).status, 200);

    server.delete_database();
    // Until the next look at the file, the deleted one still remembers.
    eventually("the server notices", || {
        let token = issuer.token();
        let answer = server.exchange(&token);
        if answer.status == 200 {
            used.push(token);
            return false;
        }
        assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "unavailable: store_unavailable"));
        assert_ne!(answer.header("retry-after"), "");
        true
    });
    for token in used.iter().chain(&[issuer.token()]) {
        assert_eq!(server.exchange(token).reason(), "unavailable: store_unavailable", "it says so until it is restarted");
    }
    assert_eq!(server.degraded(), ["store_unavailable"]);
    assert_eq!(server.client().get("/readyz").unwrap().status, 200);

    assert_eq!(server.terminate(), Some(0));
    server.restart();
    for token in &used {
        assert_eq!(server.exchange(token).reason(), "rejected: fenced");
    }
}
