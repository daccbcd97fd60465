//! Random histories of requests that share what they present: nothing is ever good for two tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::{Clock as _, Digest256, Seconds};
use crate::release::issuance::{SpendList, Spends, Spent, Times};
use crate::token::ReplayMode;

use crate::release::replay::conformance::{World, lasting_ten_minutes, token};
use crate::release::replay::guard::{Attempt, Passed};
use crate::release::replay::tests::SqliteWorld;

#[derive(Clone, Debug)]
enum Step {
    /// A token or a proof appears, issued so far ahead.
    Make(Thing, u64),
    /// A client puts a request together, of things that there are.
    Request {
        proof: Option<prop::sample::Index>,
        actor: Option<prop::sample::Index>,
        subject: prop::sample::Index,
        with_key: bool,
    },
    /// One of the requests is sent, and breaks off after so many spends.
    Send(prop::sample::Index, usize),
    Advance(u64),
    Restart,
    LoseEverything,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Thing {
    Proof,
    Token(ReplayMode),
}

fn step() -> impl Strategy<Value = Step> {
    let thing = prop_oneof![
        2 => Just(Thing::Proof),
        4 => Just(Thing::Token(ReplayMode::Once)),
        1 => Just(Thing::Token(ReplayMode::Reusable)),
    ];
    let maybe = || prop::option::of(any::<prop::sample::Index>());
    let request = (maybe(), maybe(), any::<prop::sample::Index>(), any::<bool>());
    let request = request.prop_map(|(proof, actor, subject, with_key)| Step::Request { proof, actor, subject, with_key });
    prop_oneof![
        6 => (thing, 0..=10_u64).prop_map(|(thing, ahead)| Step::Make(thing, ahead)),
        8 => request,
        16 => (any::<prop::sample::Index>(), prop_oneof![4 => Just(3), 1 => 0..3_usize]).prop_map(|(at, spends)| Step::Send(at, spends)),
        3 => (1..=40_u64).prop_map(Step::Advance),
        1 => Just(Step::Restart),
        1 => Just(Step::LoseEverything),
    ]
}

#[derive(Default)]
struct History {
    proofs: Vec<Spends>,
    tokens: Vec<Spends>,
    requests: Vec<SpendList>,
    /// By what was presented: the names of the tokens that were released for it.
    released: BTreeMap<[u8; 32], BTreeSet<String>>,
    /// By the name of a token: its times.
    times: BTreeMap<String, Times>,
    attempts: usize,
}

impl History {
    fn make(&mut self, thing: Thing, ahead: u64, world: &SqliteWorld) {
        let now = world.clock().now();
        let name = (self.proofs.len() + self.tokens.len()).to_string();
        let usual = Spends { issued_at: Some(now + Seconds(ahead)), ..token(&name, world) };
        match thing {
            Thing::Proof => self.proofs.push(Spends { what: Spent::Proof, refused_from: now + Seconds(60), ..usual }),
            Thing::Token(mode) => self.tokens.push(Spends { mode, ..usual }),
        }
    }

    /// As minting does: one owner for all, of whatever is not another one each time, if anything tells a repeat; no token twice.
    fn request(&mut self, proof: Option<&Spends>, actor: Option<&Spends>, subject: &Spends, with_key: bool) {
        let actor = actor.filter(|actor| actor.identity != subject.identity);
        let owner = (with_key && subject.mode != ReplayMode::Reusable).then(|| {
            let actor = actor.map(|actor| actor.identity.as_bytes().as_slice());
            Digest256::of_fields(&[Some(subject.identity.as_bytes()), actor])
        });
        let own = |spends: &Spends| Spends { owner, ..spends.clone() };
        let actor = actor.map(|actor| Spends { what: Spent::Actor, ..own(actor) });
        self.requests.push(SpendList { proof: proof.map(own), actor, subject: own(subject) });
    }

    async fn send(&mut self, at: prop::sample::Index, spends: usize, world: &SqliteWorld) -> Result<(), TestCaseError> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let list = self.requests[at.index(self.requests.len())].clone();
        let (now, all) = (world.clock().now(), [list.proof.as_ref(), list.actor.as_ref(), Some(&list.subject)]);
        let verifies = |spends: &&Spends| now < spends.refused_from && spends.issued_at.is_some_and(|at| at <= now + Seconds(10));
        if !all.iter().flatten().all(verifies) {
            return Ok(());
        }
        self.attempts += 1;
        let released = lasting_ten_minutes(now);
        if spends < 3 {
            let attempt = Attempt { nonce: OnceLock::new(), released, record: None };
            for spends in all.into_iter().take(spends).flatten() {
                if world.guard().use_up(spends, &attempt).await.is_err() {
                    break;
                }
            }
            return Ok(());
        }
        let Ok(passed) = world.guard().use_up_all(&list, released, None).await else { return Ok(()) };
        let name = list.subject.owner.map_or_else(|| self.attempts.to_string(), |owner| owner.to_string());
        let times = if let Passed::Again(times) = passed { times } else { released };
        let known = *self.times.entry(name.clone()).or_insert(times);
        prop_assert_eq!((known.issued_at, known.expires_at), (times.issued_at, times.expires_at), "one name, two tokens");
        for spends in all.into_iter().flatten().filter(|spends| spends.mode != ReplayMode::Reusable) {
            let names = self.released.entry(*spends.identity.as_bytes()).or_default();
            names.insert(name.clone());
            prop_assert_eq!(names.len(), 1, "two tokens for one {:?}", spends.what);
        }
        Ok(())
    }
}

async fn play(steps: Vec<Step>) -> Result<usize, TestCaseError> {
    let mut world = SqliteWorld::new();
    let mut history = History::default();
    for step in steps {
        match step {
            Step::Make(thing, ahead) => history.make(thing, ahead, &world),
            Step::Request { proof, actor, subject, with_key } => {
                let pick = |from: &[Spends], at: prop::sample::Index| (!from.is_empty()).then(|| from[at.index(from.len())].clone());
                let proof = proof.and_then(|at| pick(&history.proofs, at));
                let actor = actor.and_then(|at| pick(&history.tokens, at));
                if let Some(subject) = pick(&history.tokens, subject) {
                    history.request(proof.as_ref(), actor.as_ref(), &subject, with_key);
                }
            }
            Step::Send(at, spends) => history.send(at, spends, &world).await?,
            Step::Advance(seconds) => world.clock().advance(Seconds(seconds)),
            Step::Restart => world.restart().await,
            Step::LoseEverything => world.lose_everything().await,
        }
    }
    Ok(history.times.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_lets_two_tokens_out_for_one_thing(steps in vec(step(), 20..90)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut steps = steps;
        // Past the fence that a new store begins with.
        steps.insert(0, Step::Advance(16));
        runtime.block_on(play(steps))?;
    }
}
