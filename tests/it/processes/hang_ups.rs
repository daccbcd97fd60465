//! Clients that go away in the middle of things.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use cambist::domain::random_bytes;

use super::{input_of, issued_by_input};
use crate::support::{LocalIssuer, Server, ServerOptions, connect, exchange_request};

/// How far a client comes before it goes away.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connected,
    MidHead,
    Head,
    MidBody,
    WholeRequest,
    FirstByteOfTheAnswer,
}

const STAGES: [Stage; 6] =
    [Stage::Connected, Stage::MidHead, Stage::Head, Stage::MidBody, Stage::WholeRequest, Stage::FirstByteOfTheAnswer];
const ROUNDS: usize = 40;

/// Performs an exchange up to that stage, lets up to two milliseconds pass there, and hangs up.
fn hang_up_at(stage: Stage, address: &str, token: &str) {
    let request = exchange_request(token);
    let head = request.find("\r\n\r\n").unwrap() + 4;
    let sent = match stage {
        Stage::Connected => 0,
        Stage::MidHead => head / 2,
        Stage::Head => head,
        Stage::MidBody => head.midpoint(request.len()),
        Stage::WholeRequest | Stage::FirstByteOfTheAnswer => request.len(),
    };
    let mut stream = connect(&address.parse().unwrap()).unwrap();
    stream.write_all(&request.as_bytes()[..sent]).unwrap();
    if matches!(stage, Stage::FirstByteOfTheAnswer) {
        stream.read_exact(&mut [0]).unwrap();
    }
    let [random] = random_bytes::<1>();
    std::thread::sleep(Duration::from_micros(u64::from(random) * 8));
}

#[test]
fn clients_that_hang_up_leave_no_issued_token_without_its_line() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let posted: Vec<(Stage, String)> = (0..ROUNDS).flat_map(|_| STAGES).map(|stage| (stage, issuer.token())).collect();
    std::thread::scope(|scope| {
        for part in posted.chunks(posted.len() / 4) {
            let address = &server.public;
            scope.spawn(move || part.iter().for_each(|(stage, token)| hang_up_at(*stage, address, token)));
        }
    });

    let mut client = server.client();
    let mut spent = Vec::new();
    for (stage, token) in &posted {
        let answer = client.exchange(token).unwrap();
        match answer.reason().as_str() {
            "rejected: replayed" => spent.push((stage, token)),
            "" => assert!(!matches!(stage, Stage::FirstByteOfTheAnswer), "it was answered before"),
            other => panic!("{stage:?}: {other}"),
        }
    }
    // It ends when the last exchange has, also those that nobody waits for.
    assert_eq!(server.terminate(), Some(0));
    let lines = issued_by_input(&server);
    for (stage, token) in posted.iter().map(|(stage, token)| (stage, token)) {
        let count = lines.get(&input_of(token)).map_or(0, Vec::len);
        assert_eq!(count, 1, "{stage:?}: the token is spent, by the first client or by the second");
    }
    let whole = |stage: &Stage| matches!(stage, Stage::WholeRequest | Stage::FirstByteOfTheAnswer);
    assert!(spent.iter().all(|(stage, _)| whole(stage)), "half a request spends nothing");
    assert!(spent.len() >= ROUNDS, "whoever reads the first byte of an answer has spent a token");
}
