//! One server: two lanes, each a connection that comes back by itself.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::connect::{Connection, Peer, Shared};
use crate::store::redis::fault::RedisFault;
use crate::store::redis::settings::{Address, RedisSettings};

/// A server and our connections to it. An attempt uses one lane, its retry the other, so that a broken connection cannot fail both.
pub(in crate::store::redis) struct Link {
    address: Address,
    lanes: [Lane; LANES],
}

impl Link {
    /// Begins to connect. Must be called inside the runtime.
    pub(in crate::store::redis) fn new(settings: &Arc<RedisSettings>, address: Address, peer: Peer) -> Self {
        let lanes = std::array::from_fn(|_| Lane::new(Arc::clone(settings), address.clone(), peer));
        Self { address, lanes }
    }

    pub(in crate::store::redis) fn address(&self) -> &Address {
        &self.address
    }

    /// Lanes that are connected, of [`LANES`].
    pub(in crate::store::redis) fn connected(&self) -> usize {
        self.lanes.iter().filter(|lane| matches!(&*lane.state.borrow(), State::Up(_))).count()
    }

    /// Waits until there is a connection.
    pub(in crate::store::redis) async fn connected_by(&self, deadline: Instant) -> Result<(), RedisFault> {
        self.lanes[0].connection(deadline).await.map(drop)
    }

    /// Sends one command by the lane of that number, and waits for its answer until `deadline`.
    pub(in crate::store::redis) async fn send(&self, lane: usize, command: &Cmd, deadline: Instant) -> Result<Value, RedisFault> {
        let connection = self.lanes[lane % LANES].connection(deadline).await?;
        let sent = Instant::now();
        let answer = timeout_at(deadline, connection.send(&self.address, command)).await;
        self.judged((lane, sent), &connection, answer)
    }

    /// Sends several commands at once.
    pub(in crate::store::redis) async fn send_all(
        &self,
        lane: usize,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, RedisFault> {
        let connection = self.lanes[lane % LANES].connection(deadline).await?;
        let sent = Instant::now();
        let answers = timeout_at(deadline, connection.send_all(&self.address, commands)).await;
        self.judged((lane, sent), &connection, answers)
    }

    /// A connection that answers late or not at all is replaced: what is late on it would hold up everything behind it. Not for a caller
    /// whose time was nearly over when it got the connection.
    fn judged<T, E>(
        &self,
        (lane, sent): (usize, Instant),
        connection: &Shared,
        answer: Result<Result<T, RedisFault>, E>,
    ) -> Result<T, RedisFault> {
        let hasty = answer.is_err() && sent.elapsed() < LATE;
        let answer = answer.unwrap_or_else(|_| Err(RedisFault::Timeout { server: self.address.clone() }));
        if answer.as_ref().is_err_and(RedisFault::breaks) && !hasty {
            self.lanes[lane % LANES].discard(connection);
        }
        answer
    }
}

/// A connection that a task of its own keeps up.
struct Lane {
    address: Address,
    discarded: Arc<Notify>,
    keeper: JoinHandle<()>,
    state: watch::Sender<State>,
}

#[derive(Clone)]
enum State {
    Connecting,
    /// The last attempt failed; the next comes soon. Callers need not wait for it.
    Down(RedisFault),
    Up(Shared),
}

impl Lane {
    fn new(settings: Arc<RedisSettings>, address: Address, peer: Peer) -> Self {
        let state = watch::Sender::new(State::Connecting);
        let discarded = Arc::new(Notify::new());
        let keeper = tokio::spawn(keep(settings, address.clone(), peer, (state.clone(), Arc::clone(&discarded))));
        Self { address, discarded, keeper, state }
    }

    async fn connection(&self, deadline: Instant) -> Result<Shared, RedisFault> {
        if let State::Up(connection) = &*self.state.borrow() {
            return Ok(Arc::clone(connection));
        }
        let mut state = self.state.subscribe();
        let settled = timeout_at(deadline, state.wait_for(|state| !matches!(state, State::Connecting))).await;
        match settled.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(State::Up(connection))) => Ok(connection),
            Ok(Ok(State::Down(fault))) => Err(fault),
            _ => Err(RedisFault::Connect { server: self.address.clone(), cause: "timed out".into() }),
        }
    }

    fn discard(&self, connection: &Shared) {
        let discarded = self.state.send_if_modified(|state| {
            let same = matches!(state, State::Up(current) if Arc::ptr_eq(current, connection));
            if same {
                *state = State::Connecting;
            }
            same
        });
        if discarded {
            self.discarded.notify_one();
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Connects, waits until that connection is of no more use, and again.
async fn keep(settings: Arc<RedisSettings>, address: Address, peer: Peer, shared: (watch::Sender<State>, Arc<Notify>)) {
    let (state, discarded) = shared;
    let mut pause = SHORTEST_PAUSE;
    loop {
        match Connection::open(&settings, &address, peer, None).await {
            Ok(connection) => {
                pause = SHORTEST_PAUSE;
                let connection = Arc::new(connection);
                state.send_replace(State::Up(Arc::clone(&connection)));
                while connection.is_alive() && matches!(&*state.borrow(), State::Up(_)) {
                    tokio::select! { () = discarded.notified() => {}, () = sleep(LOOK) => {} }
                }
                state.send_replace(State::Connecting);
            }
            Err(fault) => {
                state.send_replace(State::Down(fault));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Connections to one server.
pub(in crate::store::redis) const LANES: usize = 2;
/// An answer that takes this long is late.
const LATE: Duration = Duration::from_millis(250);
/// How often a quiet connection is looked at.
const LOOK: Duration = Duration::from_millis(100);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
