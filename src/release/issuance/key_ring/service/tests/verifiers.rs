//! What a resource server sees that caches the key set, and asks any node for it.

use super::*;
use crate::domain::random_bytes;
use crate::release::issuance::JWKS_MAX_AGE;

/// A verifier with a copy of the key set, as old as its `max-age` allows.
struct Verifier {
    copy: Arc<[u8]>,
    fetched: Timestamp,
}

impl Verifier {
    fn fetch(&mut self, from: &Arc<Keys>, now: Timestamp) {
        if now.since(self.fetched) >= JWKS_MAX_AGE {
            *self = Self { copy: Arc::clone(from.ring().jwks()), fetched: now };
        }
    }
}

/// Numbers that chance made, and that a failing test can repeat.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX; its low bits are poor.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

#[test]
fn a_verifier_that_caches_for_five_minutes_never_meets_an_unknown_key() {
    let deployment = Deployment::on_redis();
    let nodes: Vec<_> = (0..3).map(|_| deployment.server()).collect();
    let seed = u64::from_be_bytes(random_bytes());
    let mut chance = Chance(seed);
    for node in &nodes {
        deployment.refresh(node).unwrap();
    }
    let mut verifiers: Vec<_> =
        nodes.iter().map(|node| Verifier { copy: Arc::clone(node.ring().jwks()), fetched: deployment.clock.now() }).collect();
    let mut rotations = 0;
    while rotations < 4 {
        deployment.clock.advance(Seconds(1 + chance.below(100)));
        let now = deployment.clock.now();
        // Refused until the next key is old enough.
        rotations += u32::from(chance.below(5) == 0 && chance.one(&nodes).rotate().is_ok());
        // Within this second some nodes have followed and some have not, and verifiers fetch from both kinds.
        let mut late: Vec<_> = nodes.iter().collect();
        loop {
            for verifier in &mut verifiers {
                verifier.fetch(chance.one(&nodes[..]), now);
            }
            let (node, algorithm) = (chance.one(&nodes), *chance.one(&SIGNING_ALGORITHMS));
            for verifier in &verifiers {
                assert_eq!(accepted(&node.ring(), algorithm, &verifier.copy, now), Ok(()), "{algorithm}, {rotations}, seed {seed}");
            }
            if late.is_empty() {
                break;
            }
            let next = usize::try_from(chance.below(late.len() as u64)).unwrap();
            deployment.refresh(late.swap_remove(next)).unwrap();
        }
    }
}
