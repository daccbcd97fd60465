//! Clients that exchange tokens, and thieves who replay them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ledger::{Cause, Ledger, Outcome, Post, Record};
use super::subject::{Issuers, KeyChoice, Kind, Subject, TARGETS, random};
use super::unix;
use crate::support::{Client, Trail, now};

/// Requests under way at one time.
const WORKERS: usize = 72;
/// Requests under way to one node: a load balancer sends no more to a node that does not answer.
const PER_NODE: usize = 20;
/// A connection that was quiet for longer is not used again: the server may be closing it just now.
const FRESH: Duration = Duration::from_secs(3);

/// The load on some nodes. Ends with this value.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    issuers: Issuers,
    ledger: Ledger,
    nodes: Vec<Node>,
    queue: Sender<Post>,
    /// What is due later. The number tells equal times apart.
    later: Mutex<BinaryHeap<Reverse<(Instant, u64, PostByOrder)>>>,
    posts: AtomicU64,
    /// New tokens per thousand seconds.
    rate: AtomicU64,
    in_flight: AtomicUsize,
    over: AtomicBool,
    /// Held while something new may be sent.
    turn: Mutex<()>,
}

/// A post in a heap, where it does not take part in the order.
struct PostByOrder(Post);

impl PartialEq for PostByOrder {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for PostByOrder {}
impl PartialOrd for PostByOrder {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for PostByOrder {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

struct Node {
    address: String,
    idle: Mutex<Vec<(Client, Instant)>>,
    in_flight: AtomicUsize,
}

impl Load {
    /// On the public listeners at these addresses. Begins with nothing to do.
    pub(crate) fn on(addresses: &[&str], issuers: Issuers) -> Self {
        let (queue, orders) = channel();
        let node = |address: &&str| Node { address: (*address).to_owned(), idle: Mutex::default(), in_flight: AtomicUsize::new(0) };
        let shared = Arc::new(Shared {
            issuers,
            ledger: Ledger::default(),
            nodes: addresses.iter().map(node).collect(),
            queue,
            later: Mutex::default(),
            posts: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            turn: Mutex::default(),
        });
        let orders = Arc::new(Mutex::new(orders));
        let mut threads: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (shared, orders) = (Arc::clone(&shared), Arc::clone(&orders));
                thread::spawn(move || shared.work(&orders))
            })
            .collect();
        let mint = Arc::clone(&shared);
        threads.push(thread::spawn(move || mint.generate()));
        Self { shared, threads }
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.shared.issuers
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> usize {
        self.shared.nodes.len()
    }

    /// From now on so many new tokens per 1,000 s are exchanged. With 0, nothing new begins, and replays wait.
    pub(crate) fn set_rate(&self, per_kilosecond: u64) {
        self.shared.rate.store(per_kilosecond, Ordering::SeqCst);
    }

    /// Posts a token now.
    pub(crate) fn post(&self, post: Post) {
        self.shared.send(post);
    }

    /// A token in the ledger, not posted.
    pub(crate) fn enter(&self, subject: Subject) -> usize {
        self.shared.ledger.enter(subject)
    }

    /// Requests that were sent and not answered, and those that wait for their turn.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// Stops, and waits until everything that was sent is answered or given up.
    pub(crate) fn quiet(&self) {
        self.set_rate(0);
        drop(self.shared.turn.lock().unwrap());
        crate::support::eventually("every request ends", || self.in_flight() == 0);
    }

    /// Replays, within `span`, every token that was accepted and has not expired, the latest first, at most `most`.
    pub(crate) fn replay_recent(&self, most: usize, span: Duration) {
        let shared = &self.shared;
        let spent = {
            let records = shared.ledger.records();
            let accepted = records.iter().rev().filter(|record| record.is_issued() && record.post.cause != Cause::Replay);
            accepted.take(2 * most).map(|record| record.post).collect::<Vec<_>>()
        };
        let alive = |post: &Post| {
            let subject = shared.ledger.subject(post.subject);
            subject.kind != Kind::Reusable && subject.refused_from > unix()
        };
        for post in spent.into_iter().filter(alive).take(most) {
            shared.replay(post, shared.any_node(), within(span));
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn generate(&self) {
        let mut next = now();
        while !self.over.load(Ordering::SeqCst) {
            self.generate_what_is_due(&mut next);
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn generate_what_is_due(&self, next: &mut Instant) {
        let _turn = self.turn.lock().unwrap();
        let rate = self.rate.load(Ordering::SeqCst);
        if rate == 0 {
            *next = now();
            return;
        }
        self.send_what_is_due();
        if now() >= *next {
            self.exchange_a_new_token();
            // What a busy machine did not manage is not made up for later.
            *next = (*next + Duration::from_secs_f64(1_000.0 / f64::from(u32::try_from(rate).unwrap()))).max(now());
        }
    }

    fn exchange_a_new_token(&self) {
        let subject = self.issuers.any();
        let kind = subject.kind;
        let subject = self.ledger.enter(subject);
        let mut post = Post { subject, target: 0, node: self.any_node(), cause: Cause::First, key: KeyChoice::Own };
        self.send(post);
        if kind == Kind::PerTarget {
            post = Post { target: 1, node: self.any_node(), ..post };
            self.send(post);
        }
    }

    fn send_what_is_due(&self) {
        let mut later = self.later.lock().unwrap();
        let mut put_off = Vec::new();
        while later.peek().is_some_and(|Reverse((at, ..))| *at <= now()) {
            let Some(Reverse((_, number, PostByOrder(post)))) = later.pop() else { break };
            if self.nodes[post.node].in_flight.load(Ordering::SeqCst) < PER_NODE {
                self.send(post);
            } else {
                put_off.push(Reverse((now() + Duration::from_secs(2), number, PostByOrder(post))));
            }
        }
        later.extend(put_off);
    }

    /// One that is not busy, as long as there is one.
    fn any_node(&self) -> usize {
        let count = self.nodes.len();
        let first = usize::try_from(random(count as u64)).unwrap();
        let mut order = (0..count).map(|step| (first + step) % count);
        order.find(|node| self.nodes[*node].in_flight.load(Ordering::SeqCst) < PER_NODE).unwrap_or(first)
    }

    fn send(&self, post: Post) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.nodes[post.node].in_flight.fetch_add(1, Ordering::SeqCst);
        self.queue.send(post).unwrap();
    }

    fn later(&self, wait: Duration, post: Post) {
        let number = self.posts.fetch_add(1, Ordering::SeqCst);
        self.later.lock().unwrap().push(Reverse((now() + wait, number, PostByOrder(post))));
    }

    fn work(&self, orders: &Mutex<Receiver<Post>>) {
        loop {
            let order = orders.lock().unwrap().recv_timeout(Duration::from_millis(50));
            match order {
                Ok(post) => {
                    let record = self.exchange(post);
                    self.follow_up(&record);
                    self.ledger.note(record);
                    self.nodes[post.node].in_flight.fetch_sub(1, Ordering::SeqCst);
                    self.in_flight.fetch_sub(1, Ordering::SeqCst);
                }
                Err(_) if self.over.load(Ordering::SeqCst) => return,
                Err(_) => {}
            }
        }
    }

    fn exchange(&self, post: Post) -> Record {
        let subject = self.ledger.subject(post.subject);
        let (node, request) = (&self.nodes[post.node], subject.request(post.target, post.key));
        let kept = node.idle.lock().unwrap().pop().filter(|(_, since)| since.elapsed() < FRESH);
        let mut client = kept.map_or_else(|| Client::of(&node.address), |(client, _)| client);
        let sent = now();
        let answer = client.send(request.as_bytes());
        let took = sent.elapsed();
        let outcome = match answer {
            Ok(answer) => {
                if let Some(token) = answer.token() {
                    Trail::token(&token);
                }
                node.idle.lock().unwrap().push((client, now()));
                Outcome::of(&answer)
            }
            Err(_) => Outcome::Silence,
        };
        Record { post, kind: subject.kind, sent, took, outcome }
    }

    /// What its client and others do next with a token.
    fn follow_up(&self, record: &Record) {
        let post = record.post;
        match (&record.outcome, post.cause) {
            _ if record.kind == Kind::Reusable => {}
            (Outcome::Issued(_), Cause::First | Cause::Retry) => {
                let left = Duration::from_secs(self.ledger.subject(post.subject).refused_from.saturating_sub(unix()) + 3);
                self.replay(post, self.any_node(), within(Duration::from_millis(300)));
                (0..self.nodes.len()).for_each(|node| self.replay(post, node, within(left)));
                if record.kind == Kind::Keyed {
                    let repeat = Post { cause: Cause::Repeat, key: KeyChoice::Own, node: self.any_node(), ..post };
                    self.later(within(Duration::from_secs(20)), repeat);
                }
            }
            (Outcome::Silence | Outcome::Refused(503, _), Cause::First | Cause::Retry) => {
                // Every second client gives up, and its token may be stolen then.
                let cause = if random(2) == 0 { Cause::Retry } else { Cause::Replay };
                if cause == Cause::Retry || random(2) == 0 {
                    self.later(Duration::from_secs(1) + within(Duration::from_secs(2)), Post { cause, node: self.any_node(), ..post });
                }
            }
            _ => {}
        }
    }

    fn replay(&self, post: Post, node: usize, wait: Duration) {
        let key = match self.ledger.subject(post.subject).kind {
            Kind::Keyed if random(2) == 0 => KeyChoice::Other,
            _ => KeyChoice::None,
        };
        debug_assert!(post.target < TARGETS.len());
        self.later(wait, Post { cause: Cause::Replay, node, key, ..post });
    }
}

fn within(span: Duration) -> Duration {
    Duration::from_millis(random(u64::try_from(span.as_millis()).unwrap().max(1)))
}
