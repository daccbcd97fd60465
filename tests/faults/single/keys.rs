//! One key ring for all nodes.

use std::collections::BTreeMap;

use josekit::jwk::Jwk;
use josekit::jws::{self, ES256};
use serde_json::Value;

use crate::driver::{Issuers, KeyChoice, Secrets, random, unix};
use crate::servers::{ClockFile, RedisOptions, RedisServer};
use crate::store;
use crate::support::{Answer, Server, ServerOptions, a_moment, eventually};

/// For how long clients keep a key set, in seconds.
const CACHED: u64 = 300;

/// Rotations.
const ROTATIONS: usize = 4;

/// Nodes and Redis with a clock that runs as fast as the test wants, and clients with caches.
struct World {
    nodes: Vec<Server>,
    _redis: RedisServer,
    _secrets: Secrets,
    issuers: Issuers,
    clock: ClockFile,
    /// Seconds by which that clock is ahead.
    ahead: u64,
    /// When each client read the key set, from any node, and what it read.
    caches: [(u64, Value); 3],
}

/// Keys are rotated, by a command beside any node, as often as they may be. Clients keep the key set of any node for five minutes and verify
/// what every node issues.
///
/// No client ever meets a key that it does not know: one is published for longer than any cache before it signs, and every node follows
/// the ring within a second. The clock jumps, so that minutes are over at once.
pub(super) fn rotate_under_caches() {
    let mut world = World::start();
    let (mut rotated, mut verified) = (0, 0);
    while rotated < ROTATIONS {
        world.jump(60 + random(120));
        let node = world.any_node();
        let (code, said) = world.nodes[node].command(&["keys", "rotate"]);
        rotated += usize::from(code == Some(0));
        let too_young = ["possible from", "has not been published yet"].iter().any(|words| said.contains(words));
        assert!(code == Some(0) || too_young, "{said}");
        world.refresh_what_is_old();
        for node in 0..world.nodes.len() {
            let issued = world.exchange_at(node);
            for (since, keys) in &world.caches {
                verify(keys, &issued, world.now() - since);
                verified += 1;
            }
        }
    }
    assert!(verified > 100, "{verified}");
}

impl World {
    fn start() -> Self {
        let clock = ClockFile::new();
        let redis = RedisServer::start(&RedisOptions { users: vec![store::user()], clock: Some(clock.clone()), ..RedisOptions::default() });
        let (secrets, issuers) = (Secrets::new(), Issuers::start());
        let section = store::section(&redis.url());
        let options =
            |number: usize| ServerOptions { environment: clock.environment(), ..secrets.node(number, &section, &issuers.trust()) };
        let mut nodes: Vec<_> = (0..3).map(|number| Server::prepare(&options(number))).collect();
        let (code, said) = nodes[0].command(&["store", "init"]);
        assert_eq!(code, Some(0), "{said}");
        nodes.iter_mut().for_each(Server::restart);
        let caches = [(); 3].map(|()| (0, Value::Null));
        Self { nodes, _redis: redis, _secrets: secrets, issuers, clock, ahead: 0, caches }
    }

    fn now(&self) -> u64 {
        unix() + self.ahead
    }

    fn any_node(&self) -> usize {
        usize::try_from(random(self.nodes.len() as u64)).unwrap()
    }

    fn jump(&mut self, seconds: u64) {
        self.ahead += seconds;
        self.clock.set_offset(self.ahead.cast_signed());
    }

    fn refresh_what_is_old(&mut self) {
        for client in 0..self.caches.len() {
            // Every client refreshes at an instant of its own.
            if self.now() - self.caches[client].0 > CACHED - random(40) {
                let keys = self.nodes[self.any_node()].client().get("/keys").unwrap().json();
                self.caches[client] = (self.now(), keys);
            }
        }
    }

    /// A node that has not looked at the ring, and at what is revoked, since the clock jumped signs nothing until it has, and spends nothing (25).
    fn exchange_at(&self, node: usize) -> Answer {
        let mut issued = None;
        let mut subject = self.issuers.mint_at(self.now());
        eventually("the node issues", || {
            let answer = self.nodes[node].client().send(subject.request(0, KeyChoice::Own).as_bytes()).unwrap();
            match (answer.status.as_u16(), &*answer.reason()) {
                (200, _) => {}
                (503, "unavailable: signing_unavailable" | "unavailable: clock_offset" | "unavailable: revocations_stale") => {}
                (400, "rejected: fenced") => subject = self.issuers.mint_at(self.now()),
                _ => panic!("{answer:?}"),
            }
            a_moment();
            issued = (answer.status == 200).then_some(answer);
            issued.is_some()
        });
        issued.unwrap()
    }
}

/// By a library that did not sign it, with keys of that age in seconds.
fn verify(keys: &Value, answer: &Answer, age: u64) {
    let named = answer.token_part(0)["kid"].clone();
    let known: BTreeMap<_, _> = keys["keys"].as_array().unwrap().iter().map(|key| (key["kid"].as_str().unwrap(), key)).collect();
    let key = known.get(named.as_str().unwrap()).unwrap_or_else(|| panic!("a key set of {age} s lacks {named}: {:?}", known.keys()));
    let key = Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
    jws::deserialize_compact(answer.token().unwrap(), &ES256.verifier_from_jwk(&key).unwrap()).expect("the signature is right");
}
