//! The reference and a real server, side by side through random histories: the same answers, word for word.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use redis::Value;

use super::history::evict;
use super::reference::{Answer, Call, Data, LooksAt, Rules, Said, Server, Spend};
use crate::release::replay::redis::answer;
use crate::release::replay::spend::Verdict;
use crate::release::replay::world::START;
use crate::release::replay::{CLOCK_OFFSET, FENCE_MARGIN, RECORD_MARGIN, REPEAT_FOR};
use crate::servers::{ClockFile, Persistence, RedisOptions, RedisServer};

const RULES: Rules = Rules {
    bound: CLOCK_OFFSET.0,
    margin: FENCE_MARGIN.0 + 2,
    keep: CLOCK_OFFSET.0 + RECORD_MARGIN.0,
    repeat_for: REPEAT_FOR.0,
    looks_at: LooksAt::EVERYTHING,
};

#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks, in this epoch, by a clock that is so far from ours.
    Ask {
        epoch: u64,
        offset: i64,
        /// Whether another history than this was seen last; none where nothing was.
        astray: Option<bool>,
        spend: Option<(prop::sample::Index, u64, bool, Option<u64>)>,
    },
    /// A token appears, issued so far ahead and accepted for so long.
    Mint {
        ahead: u64,
        accepted_for: u64,
    },
    /// Both clocks go on.
    Advance(u64),
    /// The server's clock alone is set, to so many milliseconds off ours.
    SetStore(i64),
    Crash(Left),
    /// A copy of the data is put aside.
    Copy,
    Flush,
    ChangeReplId,
    Evict,
}

#[derive(Clone, Copy, Debug)]
enum Left {
    Everything,
    Nothing,
    /// The copy that was put aside, if any.
    Older,
}

fn step() -> impl Strategy<Value = Step> {
    // Most tokens are no handles, and some of those that are live for a few seconds.
    let handle = prop_oneof![3 => Just(None), 1 => (10..=80_u64).prop_map(Some)];
    let spend = (any::<prop::sample::Index>(), 0..2_u64, any::<bool>(), handle);
    let epoch = prop_oneof![60 => Just(0_u64), 1 => Just(1)];
    let astray = prop_oneof![30 => Just(None), 30 => Just(Some(false)), 1 => Just(Some(true))];
    let ask = |(epoch, offset, astray, spend)| Step::Ask { epoch, offset, astray, spend };
    let offset = prop_oneof![12 => -2..=2_i64, 1 => -9..=9_i64];
    prop_oneof![
        40 => (epoch.clone(), offset.clone(), astray.clone(), spend.prop_map(Some)).prop_map(ask),
        6 => (epoch, offset, astray, Just(None)).prop_map(ask),
        12 => (0..=10_u64, 1..=120_u64).prop_map(|(ahead, accepted_for)| Step::Mint { ahead, accepted_for }),
        10 => (0..=12_u64).prop_map(Step::Advance),
        1 => (100..=500_u64).prop_map(Step::Advance),
        2 => (-2_500..=2_500_i64).prop_map(Step::SetStore),
        1 => (-9_000..=9_000_i64).prop_map(Step::SetStore),
        1 => prop_oneof![Just(Left::Everything), Just(Left::Nothing), Just(Left::Older)].prop_map(Step::Crash),
        1 => Just(Step::Copy),
        1 => Just(Step::Flush),
        1 => Just(Step::ChangeReplId),
        1 => Just(Step::Evict),
    ]
}

/// A real server, its clock, and the reference.
struct Both {
    clock: ClockFile,
    real: &'static RedisServer,
    model: Server,
    /// The node's clock in seconds, the server's in milliseconds.
    node: u64,
    store: u64,
    copy: Option<(tempfile::TempDir, Data)>,
    tokens: Vec<(u64, u64)>,
}

fn server() -> &'static (RedisServer, ClockFile) {
    static SERVER: OnceLock<(RedisServer, ClockFile)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let clock = ClockFile::new();
        clock.freeze_at(START.unix());
        let options = RedisOptions { persistence: Persistence::AofAlways, clock: Some(clock.clone()), ..RedisOptions::default() };
        (RedisServer::start(&options), clock)
    })
}

impl Both {
    fn new() -> Self {
        let (real, clock) = server();
        let store = START.unix() * 1_000 + 500;
        clock.freeze_at_millis(store);
        real.command(&["FLUSHALL"]);
        real.command(&["CONFIG", "RESETSTAT"]);
        Self { clock: clock.clone(), real, model: Server::new(0), node: START.unix(), store, copy: None, tokens: Vec::new() }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Ask { epoch, offset, astray, spend } => self.ask((*epoch, *offset), *astray, spend.as_ref())?,
            Step::Mint { ahead, accepted_for } => {
                let issued_at = self.node + ahead;
                self.tokens.push((issued_at, issued_at + accepted_for + 60));
            }
            Step::Advance(seconds) => {
                self.node += seconds;
                self.set_store(self.store + seconds * 1_000);
            }
            Step::SetStore(millis) => self.set_store((self.node * 1_000).saturating_add_signed(*millis)),
            Step::Crash(left) => self.crash(*left),
            Step::Copy => {
                let folder = tempfile::tempdir().unwrap();
                self.real.copy_data_to(folder.path());
                self.copy = Some((folder, self.model.data.clone()));
            }
            Step::Flush => {
                self.real.command(&["FLUSHALL"]);
                self.model.data = Data::default();
            }
            Step::ChangeReplId => {
                self.real.command(&["DEBUG", "CHANGE-REPL-ID"]);
                self.model.replid += 1;
            }
            Step::Evict => {
                evict(self.real, self.real.dir().as_path());
                self.model.evict();
            }
        }
        Ok(())
    }

    fn set_store(&mut self, millis: u64) {
        self.store = millis;
        self.clock.freeze_at_millis(millis);
        // What has expired goes now: Redis itself may take its time, and a clock that goes back would tell.
        self.real.command(&["SCAN", "0", "COUNT", "1000"]);
        self.model.expire(millis);
    }

    fn crash(&mut self, left: Left) {
        match (left, &self.copy) {
            (Left::Older, Some((folder, data))) => {
                self.real.put_data_back(folder.path());
                self.model.data = data.clone();
            }
            (Left::Nothing, _) => {
                self.real.restart_empty();
                self.model.data = Data::default();
            }
            (Left::Everything | Left::Older, _) => self.real.restart(),
        }
        self.model.replid += 1;
        self.model.evicted = 0;
        self.model.expire(self.store);
    }

    fn ask(
        &mut self,
        (epoch, offset): (u64, i64),
        astray: Option<bool>,
        spend: Option<&(prop::sample::Index, u64, bool, Option<u64>)>,
    ) -> Result<(), TestCaseError> {
        let sent = self.node.saturating_add_signed(offset);
        let spend = match spend {
            Some(_) if self.tokens.is_empty() => return Ok(()),
            Some((index, owner, repeatable, handle)) => {
                // One of the latest: most of the older ones have expired.
                let token = self.tokens.len() - 1 - index.index(self.tokens.len().min(4));
                let (issued_at, refused_from) = self.tokens[token];
                let released = repeatable.then_some((sent, sent + 600));
                let handle_until = handle.map(|handle| sent + handle);
                Some(Spend { token: token as u64, issued_at, refused_from, owner: *owner, released, handle_until })
            }
            None => None,
        };
        let expected = astray.map(|astray| self.model.replid + u64::from(astray));
        let call = Call { epoch, sent, expected, spend };
        let expected = self.model.call(self.store, &call, &RULES);
        let found = self.ask_real(&call);
        prop_assert_eq!(read(&found), Some(expected), "{:?} answered {:?}", call, found);
        Ok(())
    }

    fn ask_real(&self, call: &Call) -> Value {
        let code = include_str!("../guard.lua");
        let number = |number: u64| number.to_string();
        let mut words: Vec<String> = vec!["EVAL".into(), code.into()];
        match call.spend {
            Some(spend) => {
                words.extend([if spend.handle_until.is_some() { "3" } else { "2" }, "{00}fence"].map(String::from));
                words.push(format!("{{00}}{}", spend.token));
                words.extend(spend.handle_until.map(|_| format!("{{00}}handle{}", spend.token)));
            }
            None => words.extend(["1".into(), "{00}fence".into()]),
        }
        words.extend([call.epoch, call.sent, RULES.bound, RULES.margin].map(number));
        let own = || self.real.info("replication")["master_replid"].clone();
        let expected = call.expected.map_or(String::new(), |expected| if expected == self.model.replid { own() } else { "f00".into() });
        words.extend(["deployment".into(), expected]);
        if let Some(spend) = call.spend {
            words.extend([number(spend.issued_at), number(spend.refused_from), format!("owner{}", spend.owner), number(RULES.keep)]);
            words.extend(spend.released.map_or([String::new(), String::new()], |(iat, exp)| [number(iat), number(exp)]));
            words.push(number(RULES.repeat_for));
            words.extend(spend.handle_until.into_iter().flat_map(|until| ["sealed".to_owned(), number(until)]));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.real.command(&words)
    }
}

/// The answer as the guard reads it, in the words of the reference.
fn read(value: &Value) -> Option<Answer> {
    let answer::Answer { said, offset, armed, .. } = answer::read(value)?;
    let said = match said {
        answer::Said::Fence(until) => Said::Look(until.unix()),
        answer::Said::Verdict(Verdict::Fresh) => Said::Fresh,
        answer::Said::Verdict(Verdict::OwnRetry) => Said::OwnRetry,
        answer::Said::Verdict(Verdict::Repeat { issued_at, expires_at }) => Said::Repeat(issued_at.unix(), expires_at.unix()),
        answer::Said::Verdict(Verdict::Replayed { first_at }) => Said::Replayed(first_at.unix()),
        answer::Said::Verdict(Verdict::Fenced { until }) => Said::Fenced(until.unix()),
        answer::Said::Verdict(Verdict::Expired) => Said::Expired,
        answer::Said::Verdict(Verdict::Clock { .. }) => Said::Clock,
        answer::Said::Verdict(Verdict::NotStored) => Said::NotStored,
    };
    Some(Answer { said, offset, armed })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_real_server_answers_as_the_reference_does(steps in vec(step(), 1..200)) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step)?;
        }
    }
}
