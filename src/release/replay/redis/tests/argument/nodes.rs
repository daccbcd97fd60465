//! Nodes: how one finds the master, keeps a lease, and asks once more when it hears nothing.

use super::super::reference::{Answer, Call, Said, Spend};
use super::servers::View;
use super::walk::Walk;
use super::worlds::{Lease, Place, WITNESSES};

/// A process of ours.
pub(super) struct Node {
    /// Seconds by which its wall clock is ahead of the slowest clock.
    pub(super) ahead: u64,
    /// Seconds that its monotonic clock stood still.
    asleep: u64,
    question: Option<Question>,
    pub(super) route: Option<Route>,
}

/// The witnesses were asked, and some have answered.
struct Question {
    asked: Asked,
    answers: [Option<View>; WITNESSES],
}

#[derive(Clone, Copy)]
struct Asked {
    monotonic: u64,
    wall: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Route {
    to: View,
    asked: Option<Asked>,
}

/// One presentation of the token.
pub(super) struct Request {
    node: usize,
    attempt: u64,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Begun,
    /// It knows where to, and of clock and lease it has looked at one.
    Half {
        route: Route,
        read: Option<u64>,
    },
    Sent,
    Over,
}

/// A call on its way.
pub(super) struct Message {
    to: usize,
    call: Call,
    /// Whose, and which attempt of it; none for a look.
    of: Option<(usize, u64)>,
}

impl Node {
    pub(super) fn new(ahead: u64, route: Option<usize>) -> Self {
        let route = route.map(|server| Route { to: View { server, epoch: 0 }, asked: None });
        Self { ahead, asleep: 0, question: None, route }
    }
}

impl Walk {
    pub(super) fn wall(&self, node: usize) -> u64 {
        self.now + self.nodes[node].ahead
    }

    fn clocks(&self, node: usize) -> Asked {
        Asked { monotonic: self.now - self.nodes[node].asleep, wall: self.wall(node) }
    }

    /// The whole machine is suspended, and the monotonic clock of this node with it.
    pub(super) fn suspend(&mut self) {
        if self.place == Place::Suspended && self.afford() {
            let (node, seconds) = (self.below(self.nodes.len()), 1 + self.below(4) as u64);
            self.nodes[node].asleep += seconds;
            self.now += seconds;
            self.note(|| format!("node {node} is suspended for {seconds} s"));
        }
    }

    /// A node asks; answers come when they come, and count from now.
    pub(super) fn ask_a_witness(&mut self) {
        let node = self.below(self.nodes.len());
        self.ask(node);
    }

    /// All of them answer at once, and the node looks at the fence, or not yet.
    pub(super) fn ask_all_witnesses(&mut self) {
        let (node, looks) = (self.below(self.nodes.len()), self.below(2) == 0);
        self.ask_all(node);
        if looks {
            self.look_from(node);
        }
    }

    pub(super) fn ask_all(&mut self, node: usize) {
        if self.place.has_witnesses() {
            let first = self.below(WITNESSES);
            self.ask(node);
            for witness in 0..WITNESSES {
                self.hear(node, (first + witness) % WITNESSES);
            }
        }
    }

    pub(super) fn witness_answers(&mut self) {
        let (node, witness) = (self.below(self.nodes.len()), self.below(WITNESSES));
        self.hear(node, witness);
    }

    fn ask(&mut self, node: usize) {
        let asked = self.clocks(node);
        self.nodes[node].question = Some(Question { asked, answers: [None; WITNESSES] });
        self.note(|| format!("node {node} asks the witnesses"));
    }

    fn hear(&mut self, node: usize, witness: usize) {
        let (view, majority) = (self.witnesses[witness], self.design.majority);
        let Some(question) = &mut self.nodes[node].question else { return };
        question.answers[witness] = question.answers[witness].or(Some(view));
        let named = question.answers[witness];
        if question.answers.iter().filter(|answer| **answer == named).count() >= majority {
            let (to, asked) = (named.unwrap(), question.asked);
            self.nodes[node].route = Some(Route { to, asked: Some(asked) });
            self.nodes[node].question = None;
            self.note(|| format!("node {node} has a lease on server {} in epoch {}", to.server, to.epoch));
        }
    }

    fn holds(&self, node: usize, route: Route) -> bool {
        let (Some(asked), now) = (route.asked, self.clocks(node)) else { return true };
        let term = self.design.constants.lease;
        let by_wall = now.wall.saturating_sub(asked.wall) <= term;
        let by_monotonic = now.monotonic - asked.monotonic <= term;
        match self.design.lease {
            Lease::Never => true,
            Lease::ByMonotonicClock => by_monotonic,
            Lease::AfterTheClock | Lease::BeforeTheClock => by_monotonic && by_wall,
        }
    }

    /// The token is presented to a node.
    pub(super) fn present(&mut self) {
        let node = self.below(self.nodes.len());
        self.present_to(node);
    }

    fn present_to(&mut self, node: usize) {
        let lease_first = self.design.lease == Lease::BeforeTheClock;
        if self.requests.len() < REQUESTS && (lease_first || self.verifies(node)) {
            self.requests.push(Request { node, attempt: 0, stage: Stage::Begun });
            let (request, wall) = (self.requests.len() - 1, self.wall(node));
            self.note(|| format!("request {request} to node {node}, whose clock says {wall}"));
        }
    }

    fn verifies(&mut self, node: usize) -> bool {
        let (wall, skew) = (self.wall(node), self.design.constants.skew);
        if self.issued_at.is_none() {
            if self.now < self.minted_from {
                return false;
            }
            let ahead = if self.below(2) == 0 { skew } else { self.below(usize::try_from(skew + 1).unwrap()) as u64 };
            self.issued_at = Some(wall + ahead);
            if self.place == Place::Expiry {
                self.refused_from = wall + ahead + 1 + self.below(3) as u64;
            }
        }
        self.issued_at <= Some(wall + skew) && wall < self.refused_from
    }

    /// One step of one request: find the route, read the clock, look at the lease and send.
    pub(super) fn go_on(&mut self) {
        if !self.requests.is_empty() {
            let at = self.below(self.requests.len());
            self.proceed(at);
        }
    }

    /// A presentation without a pause, from the request to the answer.
    pub(super) fn present_at_once(&mut self) {
        let (requests, messages) = (self.requests.len(), self.messages.len());
        let node = self.below(self.nodes.len());
        if self.below(3) == 0 {
            self.ask_all(node);
        }
        self.present_to(node);
        if self.requests.len() > requests {
            self.proceed(requests);
            self.proceed(requests);
        }
        if self.messages.len() > messages {
            self.arrive(messages, true);
        }
    }

    fn proceed(&mut self, at: usize) {
        let Request { node, attempt, stage } = self.requests[at];
        let lease_first = self.design.lease == Lease::BeforeTheClock;
        self.requests[at].stage = match stage {
            Stage::Begun => match self.nodes[node].route {
                Some(route) if lease_first && !self.holds(node, route) => given_up(attempt),
                Some(route) => Stage::Half { route, read: (!lease_first).then(|| self.wall(node)) },
                None => given_up(attempt),
            },
            Stage::Half { .. } if lease_first && !self.verifies(node) => Stage::Over,
            Stage::Half { route, read } => {
                let sent = read.unwrap_or_else(|| self.wall(node));
                if lease_first || self.holds(node, route) {
                    self.send(at, route.to, sent);
                    Stage::Sent
                } else {
                    given_up(attempt)
                }
            }
            done @ (Stage::Sent | Stage::Over) => done,
        };
        if matches!(self.requests[at].stage, Stage::Begun) {
            self.requests[at].attempt += 1;
        }
    }

    fn send(&mut self, request: usize, to: View, sent: u64) {
        let (issued_at, refused_from) = (self.issued_at.unwrap_or(0), self.refused_from);
        let spend = Spend { token: 0, issued_at, refused_from, owner: request as u64, released: None, handle_until: None };
        let call = Call { epoch: to.epoch, sent, expected: None, spend: Some(spend) };
        let attempt = self.requests[request].attempt;
        self.messages.push(Message { to: to.server, call, of: Some((request, attempt)) });
        self.note(|| format!("request {request} is sent to server {} in epoch {}, at {sent}", to.server, to.epoch));
    }

    /// A node looks at the fence of its server.
    pub(super) fn look(&mut self) {
        let node = self.below(self.nodes.len());
        self.look_from(node);
    }

    fn look_from(&mut self, node: usize) {
        if let Some(route) = self.nodes[node].route.filter(|route| self.holds(node, *route)) {
            let call = Call { epoch: route.to.epoch, sent: self.wall(node), expected: None, spend: None };
            self.messages.push(Message { to: route.to.server, call, of: None });
            let last = self.messages.len() - 1;
            self.arrive(last, true);
        }
    }

    /// A call reaches its server, now or never before.
    pub(super) fn deliver(&mut self) {
        if !self.messages.is_empty() {
            let (at, answered) = (self.below(self.messages.len()), self.below(4) > 0);
            self.arrive(at, answered);
        }
    }

    fn arrive(&mut self, at: usize, answered: bool) {
        let Message { to, call, of } = self.messages.swap_remove(at);
        let store = (self.now + self.hosts[to].ahead) * 1_000;
        let Answer { said, .. } = self.hosts[to].server.call(store, &call, &self.design.rules);
        self.note(|| format!("server {to}, whose clock says {}, answers {said:?} to {of:?}", store / 1_000));
        let Some((request, attempt)) = of else { return };
        self.fenced += u64::from(matches!(said, Said::Fenced(_)));
        self.replayed += u64::from(matches!(said, Said::Replayed(_)));
        let waits = self.requests[request].attempt == attempt && matches!(self.requests[request].stage, Stage::Sent);
        if waits && answered {
            self.requests[request].stage = Stage::Over;
            if matches!(said, Said::Fresh | Said::OwnRetry) {
                self.released += 1;
                self.note(|| format!("request {request} RELEASES a token"));
            }
        }
    }

    /// A node has waited long enough: it asks once more, with the same nonce.
    pub(super) fn time_out(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let at = self.below(self.requests.len());
        if matches!(self.requests[at].stage, Stage::Sent) {
            let next = given_up(self.requests[at].attempt);
            self.requests[at].stage = next;
            self.requests[at].attempt += 1;
            self.note(|| format!("request {at} hears nothing"));
        }
    }

    /// The wall clock of a node is set, within what clocks may differ.
    pub(super) fn step_node(&mut self) {
        let node = self.below(self.nodes.len());
        let between = |request: &Request| request.node == node && matches!(request.stage, Stage::Half { .. });
        // A suspended machine whose clock is set back by just as much, between two lines of ours: beyond what is claimed.
        if self.place != Place::Suspended || !self.requests.iter().any(between) {
            self.nodes[node].ahead = self.node_ahead();
        }
    }
}

/// What follows an attempt without an answer: another one, and no third.
fn given_up(attempt: u64) -> Stage {
    if attempt == 0 { Stage::Begun } else { Stage::Over }
}

/// Presentations of the token in one history.
const REQUESTS: usize = 6;
