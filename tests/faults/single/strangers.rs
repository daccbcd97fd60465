//! Who has no business with Redis leaves nothing in it, and who looks on learns nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::SingleStage;
use crate::driver::{Issuers, KeyChoice, Kind, Round};
use crate::servers::text;
use crate::support::Client;

/// Requests of each kind of stranger.
const FLOOD: usize = 400;

/// Tokens of issuers that nobody registered, with signatures that are wrong, and that no trust permits.
///
/// None of them reaches the guard: the number of keys stays what it was. The usual load is off, or it would hide what is added.
pub(super) fn a_flood_of_strangers(stage: &mut SingleStage, round: &mut Round) {
    round.load_for(1.0);
    let load = &stage.bench.load;
    load.quiet();
    // Records expire after minutes, so that none does meanwhile.
    let keys = || text(&stage.redis.command(&["DBSIZE"]));
    let before = keys();
    let strangers = Issuers::start();
    let unregistered = (0..FLOOD).map(|_| strangers.mint(Kind::Once, 0, 60));
    let forged = (0..FLOOD).map(|_| load.issuers().mint(Kind::Once, 0, 60).forged());
    let denied = (0..FLOOD).map(|_| load.issuers().denied(60));
    let all: Vec<_> = unregistered.chain(forged).chain(denied).collect();
    let mut clients: Vec<_> = stage.bench.nodes.iter().map(|node| Client::of(&node.public)).collect();
    let count = clients.len();
    for (number, subject) in all.iter().enumerate() {
        let answer = clients[number % count].send(subject.request(0, KeyChoice::Own).as_bytes()).unwrap();
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(keys(), before, "a stranger left a key in Redis");
    round.fence_must_stay();
    round.resume();
}

/// `redis-cli MONITOR` while tokens are exchanged, keys are rotated, and a node starts.
///
/// No part of a token, no claim and no key stands in what it shows.
pub(super) fn somebody_looks_on(stage: &mut SingleStage, round: &mut Round) {
    let seen = stage.redis.dir().join("monitor");
    let port = stage.redis.port().to_string();
    let mut monitor = Command::new("redis-cli");
    monitor.args(["-p", &port, "--user", "harness", "--pass", "harness", "--no-auth-warning", "MONITOR"]);
    let mut monitor = monitor.stdin(Stdio::null()).stdout(File::create(&seen).unwrap()).spawn().unwrap();
    round.load_for(3.0);
    let (code, said) = stage.bench.nodes[0].command(&["keys", "rotate", "--compromised"]);
    assert_eq!(code, Some(0), "{said}");
    stage.bench.nodes[1].kill();
    stage.bench.nodes[1].restart();
    round.load_for(3.0);
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let shown = fs::read_to_string(&seen).unwrap();
    assert!(shown.matches("evalsha").count() + shown.matches("EVALSHA").count() > 500, "otherwise this scenario tests nothing");
    for word in told(stage, round) {
        let line = shown.lines().find(|line| line.contains(&word));
        assert!(line.is_none(), "MONITOR shows {word}: {}", line.unwrap_or_default());
    }
}

/// Everything that must not be shown: parts of tokens, claims of both sides, public keys.
fn told(stage: &SingleStage, round: &Round) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (subject, jti) in round.exchanged() {
        words.extend(subject.token.split('.').map(str::to_owned));
        words.extend(subject.secrets().map(str::to_owned));
        words.insert(jti);
        // Numbers are times, and times are what the guard compares.
        words.extend(strings(&subject.claims()));
    }
    for node in &stage.bench.nodes {
        let keys = node.client().get("/keys").unwrap().json();
        assert!(keys["keys"].is_array(), "{keys}");
        let material = |key: &Value| ["x", "y", "n"].iter().filter_map(|name| key[name].as_str().map(str::to_owned)).collect::<Vec<_>>();
        words.extend(keys["keys"].as_array().unwrap().iter().flat_map(material));
    }
    // A word of a few letters stands everywhere.
    words.retain(|word| word.len() >= 8);
    words
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
