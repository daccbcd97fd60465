//! `kill -9` at random moments under load.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cambist::domain::random_bytes;

use super::{input_of, issued_by_input};
use crate::support::{Client, LocalIssuer, Server, ServerOptions, a_moment, trust_in};

const CYCLES: usize = 200;
const CLIENTS: usize = 4;
/// Tokens that the clients post again and again, each other's too.
const IN_PLAY: usize = 8;
/// Longest life of a server after it began to answer, in milliseconds.
const LONGEST_LIFE: u64 = 80;

/// What clients saw, over all lives of the server.
#[derive(Default)]
struct Ledger {
    in_play: Vec<String>,
    /// Per 200: the subject token, and the `jti` of the issued one.
    issued: Vec<(String, String)>,
    other_answers: HashMap<String, usize>,
}

/// Says that it is over, however it ends.
struct AtTheEnd<'a>(&'a AtomicBool);

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn no_crash_doubles_a_token_or_loses_the_line_of_one() {
    let issuer = LocalIssuer::start();
    let mut server = Server::prepare(&ServerOptions::trusting(&issuer.trust()));
    let (ledger, over) = (Mutex::new(Ledger::default()), AtomicBool::new(false));
    let address = server.public.clone();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| keep_posting(&address, &issuer, &ledger, &over));
        }
        // Also when a start fails: the scope waits for its clients.
        let _clients_end = AtTheEnd(&over);
        for _ in 0..CYCLES {
            // One time in four it need not even live to answer.
            if random(4) == 0 {
                server.spawn();
            } else {
                server.restart();
            }
            std::thread::sleep(Duration::from_millis(random(LONGEST_LIFE)));
            server.kill();
        }
    });
    server.restart();
    let ledger = ledger.into_inner().unwrap();
    at_most_one_token_each(&ledger);
    every_token_has_its_line(&server, &ledger);
    nothing_is_forgotten(&server, &ledger);
    server.until_signed();
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(server.terminate(), Some(0));
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "and against the head that the store keeps: {said}");
}

#[test]
fn a_first_start_that_is_killed_can_be_started_again() {
    let trust = trust_in("http://127.0.0.1:9");
    for round in 0..40 {
        let mut server = Server::prepare(&ServerOptions { aged_store: false, ..ServerOptions::trusting(&trust) });
        // The whole start takes about a tenth of a second.
        for _ in 0..2 {
            server.spawn();
            std::thread::sleep(Duration::from_millis(random(60)));
            server.kill();
        }
        server.restart();
        assert_eq!(server.terminate(), Some(0), "round {round}");
        let left: Vec<_> = std::fs::read_dir(server.folder.path().join("state")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().any(|name| name == "encryption.key"), "{left:?}");
    }
}

fn keep_posting(address: &str, issuer: &LocalIssuer, ledger: &Mutex<Ledger>, over: &AtomicBool) {
    let mut client = Client::of(address);
    while !over.load(Ordering::SeqCst) {
        let token = choose(issuer, ledger);
        // An error is a server that is dead, or dies just now. Whether the token was spent is then unknown, as it is for any client.
        let Ok(answer) = client.exchange(&token) else {
            client = Client::of(address);
            a_moment();
            continue;
        };
        let mut ledger = ledger.lock().unwrap();
        if answer.status == 200 {
            let jti = answer.token_part(1)["jti"].as_str().unwrap().to_owned();
            ledger.issued.push((token, jti));
        } else {
            *ledger.other_answers.entry(answer.reason()).or_default() += 1;
        }
    }
}

/// A new token one time in three; otherwise one that was posted before, perhaps by another client just now.
fn choose(issuer: &LocalIssuer, ledger: &Mutex<Ledger>) -> String {
    let known = ledger.lock().unwrap().in_play.clone();
    if known.len() == IN_PLAY && random(3) > 0 {
        return known[usize::try_from(random(IN_PLAY as u64)).unwrap()].clone();
    }
    let token = issuer.token();
    let mut ledger = ledger.lock().unwrap();
    ledger.in_play.push(token.clone());
    let oldest = ledger.in_play.len().saturating_sub(IN_PLAY);
    ledger.in_play.drain(..oldest);
    token
}

fn random(below: u64) -> u64 {
    u64::from_be_bytes(random_bytes()) % below
}

fn at_most_one_token_each(ledger: &Ledger) {
    let mut seen = HashMap::new();
    for (token, jti) in &ledger.issued {
        if let Some(first) = seen.insert(token, jti) {
            panic!("two tokens, {first} and {jti}, were issued for one");
        }
    }
    // Otherwise this test tests nothing.
    let issued = ledger.issued.len();
    let replayed = ledger.other_answers.get("rejected: replayed").copied().unwrap_or(0);
    assert!(issued >= CYCLES && replayed >= CYCLES, "{issued} issued: {:?}", ledger.other_answers);
    let expected = ["rejected: replayed", "unavailable: issuer_keys_unavailable"];
    assert!(ledger.other_answers.keys().all(|answer| expected.contains(&answer.as_str())), "{:?}", ledger.other_answers);
}

fn every_token_has_its_line(server: &Server, ledger: &Ledger) {
    let lines = issued_by_input(server);
    for (input, jtis) in &lines {
        assert_eq!(jtis.len(), 1, "two lines say issued for {input}: {jtis:?}");
    }
    for (token, jti) in &ledger.issued {
        let input = input_of(token);
        assert_eq!(lines.get(&input), Some(&vec![jti.clone()]), "{input} was answered with 200");
    }
}

/// Every token of the ledger is spent, also in the last life.
fn nothing_is_forgotten(server: &Server, ledger: &Ledger) {
    let mut client = server.client();
    for (token, jti) in ledger.issued.iter().rev().take(500) {
        let answer = client.exchange(token).unwrap();
        assert_eq!(answer.reason(), "rejected: replayed", "{jti}: {answer:?}");
    }
}
