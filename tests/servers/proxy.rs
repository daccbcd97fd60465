//! A TCP proxy that spoils connections the way networks do, switched while they are open.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::port::Port;
use super::wait::{eventually, within};

/// What happens to every connection, those already open too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Pass,
    /// Every piece, in both directions, waits for `by` and up to `jitter` more.
    Delay { by: Duration, jitter: Duration },
    /// Requests are swallowed. TCP hides no gap: a connection that lost something is reset once the mode is another.
    DropToServer,
    /// Answers are swallowed, in the same way: the server has done what it was asked.
    DropToClient,
    /// Both are: a partition, in which nobody sees a connection end.
    DropBoth,
    /// Everything waits, ends of connections too, and arrives once the mode is another.
    Stall,
    /// The next answer ends in its middle, with a FIN.
    HalfClose,
    /// Answers arrive with one byte a second.
    Trickle,
    /// Connections end with a RST at once, new ones too.
    Reset,
    /// Nobody listens. Open connections stay.
    Refuse,
}

/// How often a quiet connection looks for a new mode.
const GLANCE: Duration = Duration::from_millis(25);

/// A proxy on a free port of 127.0.0.1.
pub(crate) struct Proxy(Arc<Shared>);

struct Shared {
    port: Port,
    upstream: Mutex<Option<u16>>,
    modes: Mutex<Modes>,
    ended: AtomicBool,
    listens: AtomicBool,
    accepted: AtomicU64,
    open: AtomicU64,
    from_clients: AtomicU64,
    from_server: AtomicU64,
}

#[derive(Default)]
struct Modes {
    usual: Mode,
    by_source: HashMap<IpAddr, Mode>,
}

impl Proxy {
    /// A proxy to this port of 127.0.0.1.
    pub(crate) fn start(upstream: u16) -> Self {
        let proxy = Self::without_upstream();
        proxy.lead_to(upstream);
        proxy
    }

    /// A proxy whose server is not there yet: it closes every connection.
    pub(super) fn without_upstream() -> Self {
        let shared = Arc::new(Shared {
            port: Port::claim(),
            upstream: Mutex::new(None),
            modes: Mutex::default(),
            ended: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            from_clients: AtomicU64::new(0),
            from_server: AtomicU64::new(0),
        });
        let acceptor = shared.clone();
        thread::spawn(move || acceptor.accept());
        eventually("the proxy listens", || shared.listens.load(Ordering::SeqCst));
        Self(shared)
    }

    /// Names the server for connections to come.
    pub(super) fn lead_to(&self, upstream: u16) {
        *self.0.upstream.lock().unwrap() = Some(upstream);
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port.number()
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Changes the mode for everybody who has none of his own. What was read before the change may still arrive; afterwards
    /// [`Mode::Refuse`] refuses and [`Mode::Reset`] has ended every connection.
    pub(crate) fn set(&self, mode: Mode) {
        self.0.modes.lock().unwrap().usual = mode;
        eventually("the proxy listens as told", || self.0.listens.load(Ordering::SeqCst) == (mode != Mode::Refuse));
        if mode == Mode::Reset {
            eventually("every connection was reset", || self.connections_open() == 0);
        }
    }

    /// Changes the mode for connections from one address, such as one of 127.0.0.0/8 that a server uses as `bind-source-addr`.
    pub(crate) fn set_for(&self, source: Ipv4Addr, mode: Mode) {
        self.0.modes.lock().unwrap().by_source.insert(source.into(), mode);
    }

    /// Nobody has a mode of his own any more.
    pub(crate) fn forget_sources(&self) {
        self.0.modes.lock().unwrap().by_source.clear();
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> u64 {
        self.0.accepted.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub(crate) fn connections_open(&self) -> u64 {
        self.0.open.load(Ordering::SeqCst)
    }

    /// Bytes that clients sent, swallowed ones too.
    pub(crate) fn bytes_from_clients(&self) -> u64 {
        self.0.from_clients.load(Ordering::SeqCst)
    }

    /// Bytes that the server sent, swallowed ones too.
    pub(crate) fn bytes_from_server(&self) -> u64 {
        self.0.from_server.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn mode(&self, source: IpAddr) -> Mode {
        let modes = self.modes.lock().unwrap();
        modes.by_source.get(&source).copied().unwrap_or(modes.usual)
    }

    fn accept(self: &Arc<Self>) {
        let mut listener = None;
        while !self.ended.load(Ordering::SeqCst) {
            if self.modes.lock().unwrap().usual == Mode::Refuse {
                listener = None;
            } else if listener.is_none() {
                let bound = TcpListener::bind(("127.0.0.1", self.port.number())).unwrap();
                bound.set_nonblocking(true).unwrap();
                listener = Some(bound);
            }
            self.listens.store(listener.is_some(), Ordering::SeqCst);
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((client, peer))) => self.serve(client, peer.ip()),
                _ => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn serve(self: &Arc<Self>, client: TcpStream, source: IpAddr) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let upstream = *self.upstream.lock().unwrap();
        if upstream.is_none() || matches!(self.mode(source), Mode::Refuse | Mode::Reset) {
            return ends_with_reset(&client);
        }
        let shared = self.clone();
        self.open.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream.unwrap_or_default()));
            match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
                Ok(server) => {
                    let (is_over, lost_under) = (AtomicBool::new(false), OnceLock::new());
                    Connection { shared: &shared, source, client, server, is_over, lost_under }.run();
                }
                Err(_) => ends_with_reset(&client),
            }
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One connection through the proxy.
struct Connection<'a> {
    shared: &'a Shared,
    source: IpAddr,
    client: TcpStream,
    server: TcpStream,
    is_over: AtomicBool,
    /// The mode under which something was swallowed.
    lost_under: OnceLock<Mode>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Direction {
    ToServer,
    ToClient,
}

enum After {
    GoOn,
    ThisWayIsDone,
    ConnectionIsOver,
}

impl Connection<'_> {
    fn run(&self) {
        for stream in [&self.client, &self.server] {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(GLANCE)).unwrap();
            stream.set_write_timeout(Some(GLANCE)).unwrap();
        }
        thread::scope(|scope| {
            scope.spawn(|| self.pump(Direction::ToServer));
            scope.spawn(|| self.pump(Direction::ToClient));
        });
    }

    /// The mode now. `None`: the connection is over, with the proxy or by a reset.
    fn mode(&self) -> Option<Mode> {
        let mode = self.shared.mode(self.source);
        if mode == Mode::Reset || self.lost_under.get().is_some_and(|then| *then != mode) {
            ends_with_reset(&self.client);
            ends_with_reset(&self.server);
            self.is_over.store(true, Ordering::SeqCst);
        }
        let goes_on = !self.is_over.load(Ordering::SeqCst) && !self.shared.ended.load(Ordering::SeqCst);
        goes_on.then_some(mode)
    }

    /// The same, after a stall.
    fn mode_that_decides(&self) -> Option<Mode> {
        while self.mode()? == Mode::Stall {
            thread::sleep(GLANCE);
        }
        self.mode()
    }

    fn pump(&self, direction: Direction) {
        let (mut from, to, count) = match direction {
            Direction::ToServer => (&self.client, &self.server, &self.shared.from_clients),
            Direction::ToClient => (&self.server, &self.client, &self.shared.from_server),
        };
        let mut buffer = [0; 16 * 1024];
        while self.mode().is_some() {
            let length = match from.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_pause(&error) => continue,
                Err(_) => break,
            };
            count.fetch_add(length as u64, Ordering::SeqCst);
            match self.deliver(&buffer[..length], direction, to) {
                After::GoOn => {}
                After::ThisWayIsDone => return,
                After::ConnectionIsOver => break,
            }
        }
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Does with what was read, nothing being the end, what the mode says now.
    fn deliver(&self, piece: &[u8], direction: Direction, to: &TcpStream) -> After {
        let is_delivered = match self.mode_that_decides() {
            None => false,
            Some(mode) if swallows(mode, direction) => {
                let _ = self.lost_under.set(mode);
                thread::sleep(if piece.is_empty() { GLANCE } else { Duration::ZERO });
                true
            }
            Some(_) if piece.is_empty() => return shut(to),
            Some(Mode::Delay { by, jitter }) => {
                thread::sleep(by + jitter.mul_f64(chance()));
                self.write(piece, to)
            }
            Some(Mode::HalfClose) if direction == Direction::ToClient => {
                self.write(&piece[..piece.len() / 2], to);
                return shut(to);
            }
            Some(Mode::Trickle) if direction == Direction::ToClient => piece.chunks(1).all(|byte| self.trickle(byte, to)),
            Some(_) => self.write(piece, to),
        };
        if is_delivered { After::GoOn } else { After::ConnectionIsOver }
    }

    fn trickle(&self, byte: &[u8], to: &TcpStream) -> bool {
        let is_slow = || self.mode() == Some(Mode::Trickle);
        // Over after a second, or as soon as the mode is another.
        within(Duration::from_secs(1), || !is_slow());
        self.mode().is_some() && self.write(byte, to)
    }

    /// Writes it all, unless the connection ends meanwhile. A receiver that has stopped reading is waited for.
    fn write(&self, mut piece: &[u8], mut to: &TcpStream) -> bool {
        while !piece.is_empty() {
            match to.write(piece) {
                Ok(written) => piece = &piece[written..],
                Err(error) if is_pause(&error) && self.mode().is_some() => {}
                Err(_) => return false,
            }
        }
        true
    }
}

/// Ends one direction. The other side decides when the rest is over: it may still send.
fn shut(to: &TcpStream) -> After {
    let _ = to.shutdown(Shutdown::Write);
    After::ThisWayIsDone
}

fn swallows(mode: Mode, direction: Direction) -> bool {
    match mode {
        Mode::DropBoth => true,
        Mode::DropToServer => direction == Direction::ToServer,
        Mode::DropToClient => direction == Direction::ToClient,
        _ => false,
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(u16::try_from(RandomState::new().build_hasher().finish() % 1_000).unwrap()) / 1_000.0
}

/// The last close of the socket sends a RST. The standard library cannot set that option; tokio can.
fn ends_with_reset(stream: &TcpStream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _inside = runtime.enter();
    let Ok(twin) = stream.try_clone() else { return };
    // The socket is about to be closed: that it no longer blocks harms nobody.
    if twin.set_nonblocking(true).is_ok() {
        let _ = tokio::net::TcpStream::from_std(twin).and_then(|twin| twin.set_zero_linger());
    }
}
