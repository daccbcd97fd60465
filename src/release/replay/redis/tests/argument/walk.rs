//! One random history.

use super::super::reference::Call;
use super::nodes::{Message, Node, Request};
use super::servers::{Host, View};
use super::worlds::{Design, Place, WITNESSES};

/// A history in the making. Everything that can happen is a method; chance chooses.
pub(super) struct Walk {
    pub(super) design: Design,
    pub(super) place: Place,
    /// Seconds by a clock that nobody has.
    pub(super) now: u64,
    pub(super) hosts: Vec<Host>,
    pub(super) witnesses: Vec<View>,
    pub(super) nodes: Vec<Node>,
    /// The one subject token: minted at its first presentation, as far ahead as it then may be, or not as far.
    pub(super) issued_at: Option<u64>,
    /// Not before that.
    pub(super) minted_from: u64,
    pub(super) refused_from: u64,
    pub(super) requests: Vec<Request>,
    pub(super) messages: Vec<Message>,
    pub(super) replids: u64,
    pub(super) released: u64,
    pub(super) fenced: u64,
    pub(super) replayed: u64,
    chance: u64,
    /// Faults that are still to come.
    faults: u64,
    /// Where the share of each action ends.
    weights: Vec<usize>,
    tells: bool,
    story: Vec<String>,
}

impl Walk {
    /// The history of that number; again, with words, when it is one that should not be.
    pub(super) fn through(seed: u64, place: Place, design: &Design) -> Self {
        let mut walk = Self::begin(seed, place, design, false);
        walk.go();
        if walk.released > 1 {
            walk = Self::begin(seed, place, design, true);
            walk.go();
        }
        walk
    }

    fn begin(seed: u64, place: Place, design: &Design, tells: bool) -> Self {
        let mut walk = Self {
            design: place.fitted(design),
            place,
            now: START,
            hosts: Vec::new(),
            witnesses: vec![View { server: 0, epoch: 1 }; WITNESSES],
            nodes: Vec::new(),
            issued_at: None,
            minted_from: 0,
            refused_from: 1_000_000,
            requests: Vec::new(),
            messages: Vec::new(),
            replids: 0,
            released: 0,
            fenced: 0,
            replayed: 0,
            chance: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            faults: 0,
            weights: Vec::new(),
            tells,
            story: Vec::new(),
        };
        walk.faults = 1 + walk.below(4) as u64;
        let ahead: Vec<u64> = (0..place.servers()).map(|_| walk.server_ahead()).collect();
        let mut ahead = ahead.into_iter();
        walk.hosts = Host::all(place, || ahead.next().unwrap_or(0));
        for number in 0..NODES {
            let route = (!place.has_witnesses()).then(|| if place == Place::AnyAddress { number % 2 } else { 0 });
            let ahead = walk.node_ahead();
            walk.nodes.push(Node::new(ahead, route));
        }
        // The fence of the beginning is about to be over.
        walk.now += walk.design.rules.margin + 1;
        let wait = usize::try_from(walk.design.rules.margin + 4).unwrap();
        walk.minted_from = walk.now + [0, walk.below(wait) as u64][walk.below(2)];
        for node in 0..NODES {
            walk.ask_all(node);
        }
        walk.choose_weights();
        walk
    }

    fn go(&mut self) {
        // Everybody looked before anything went wrong.
        let look = Call { epoch: u64::from(self.place.has_witnesses()), sent: START, expected: None, spend: None };
        let rules = self.design.rules;
        self.hosts[0].server.call(START * 1_000, &look, &rules);
        let data = self.hosts[0].server.data.clone();
        self.hosts.iter_mut().for_each(|host| host.server.data = data.clone());
        let steps = 10 + self.below(60);
        for _ in 0..steps {
            self.step();
            if self.released > 1 {
                return;
            }
        }
    }

    fn step(&mut self) {
        let total = self.weights.last().copied().unwrap_or(0);
        let point = self.below(total);
        let action = self.weights.iter().position(|end| point < *end).unwrap();
        ACTIONS[action].0(self);
    }

    /// Each history likes some steps more than others, and leaves some out: what is rare on the whole is often there.
    fn choose_weights(&mut self) {
        let mut end = 0;
        for (_, usual, among_many) in ACTIONS {
            let liking = [0, 0, 0, 1, 2, 4][self.below(6)];
            let possible = self.place.has_witnesses() || !among_many;
            end += if possible { (usual * liking).max(*usual / 10) } else { 0 };
            self.weights.push(end);
        }
    }

    fn pass(&mut self) {
        self.now += 1;
    }

    fn set_a_clock(&mut self) {
        if self.below(2) == 0 {
            self.step_node();
        } else {
            let at = self.below(self.hosts.len());
            self.hosts[at].ahead = self.server_ahead();
        }
    }

    /// Any two clocks differ by at most D; at the edges things go wrong.
    fn server_ahead(&mut self) -> u64 {
        let bound = self.design.constants.bound;
        if self.place == Place::StrayNodes { bound } else { [0, bound][self.below(2)] }
    }

    pub(super) fn node_ahead(&mut self) -> u64 {
        let bound = self.design.constants.bound;
        if self.place == Place::StrayNodes { [0, bound, 2 * bound, 6 * bound][self.below(4)] } else { [0, bound][self.below(2)] }
    }

    /// Whether another fault may happen.
    pub(super) fn afford(&mut self) -> bool {
        let affords = self.faults > 0;
        self.faults = self.faults.saturating_sub(1);
        affords
    }

    /// A number below `end`, by chance.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        usize::try_from((self.chance >> 33) % end as u64).unwrap()
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.tells {
            let line = format!("{:4}  {}", self.now, what());
            self.story.push(line);
        }
    }

    pub(super) fn released(&self) -> u64 {
        self.released
    }

    /// What happened, in words.
    pub(super) fn story(&self) -> String {
        format!("token issued at {}, refused from {}\n{}", self.issued_at.unwrap_or(0), self.refused_from, self.story.join("\n"))
    }
}

/// What many histories came to: whether they say anything.
#[derive(Debug, Default)]
pub(super) struct Tally {
    histories: u64,
    released: u64,
    released_and_fenced: u64,
    released_and_replayed: u64,
}

impl Tally {
    pub(super) fn count(&mut self, walk: &Walk) {
        self.histories += 1;
        self.released += walk.released;
        self.released_and_fenced += u64::from(walk.released > 0 && walk.fenced > 0);
        self.released_and_replayed += u64::from(walk.released > 0 && walk.replayed > 0);
    }

    /// In many a history a token comes out, and is presented again to a server that remembers and to one that may have forgotten.
    pub(super) fn shows_something(&self) -> bool {
        self.released * 10 > self.histories
            && self.released_and_fenced * 100 > self.histories
            && self.released_and_replayed * 100 > self.histories
    }
}

type Action = fn(&mut Walk);

const NODES: usize = 2;
const START: u64 = 1_000;

/// What may happen next, how usual it is, and whether it needs witnesses.
const ACTIONS: &[(Action, usize, bool)] = &[
    (Walk::pass, 14, false),
    (Walk::present_at_once, 14, false),
    (Walk::present, 4, false),
    (Walk::go_on, 10, false),
    (Walk::deliver, 6, false),
    (Walk::time_out, 2, false),
    (Walk::look, 10, false),
    (Walk::set_a_clock, 4, false),
    (Walk::copy, 2, false),
    (Walk::restart, 2, false),
    (Walk::flush, 1, false),
    (Walk::evict, 1, false),
    (Walk::catch_up, 4, false),
    (Walk::suspend, 3, false),
    (Walk::ask_all_witnesses, 20, true),
    (Walk::ask_a_witness, 3, true),
    (Walk::witness_answers, 8, true),
    (Walk::fail_over, 6, true),
    (Walk::switch_over, 6, true),
    (Walk::gossip, 10, true),
    (Walk::gossip_to_all, 10, true),
    (Walk::demote, 2, true),
    (Walk::raise_epoch, 1, true),
];
