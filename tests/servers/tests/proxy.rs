//! What the proxy does to a connection, seen by a client that speaks in bytes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::super::servers::{Mode, Persistence, Proxy, RedisOptions, RedisServer, eventually};
use super::get;

const PONG: &[u8] = b"+PONG\r\n";

fn server() -> RedisServer {
    RedisServer::start(&RedisOptions { persistence: Persistence::None, ..RedisOptions::default() })
}

fn client(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream
}

/// What comes until the end, until an error, or until nothing comes for a while, and how that was.
fn answer(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read);
    (read, end.err().map(|error| error.kind()))
}

fn ask(stream: &mut TcpStream, request: &str) -> (Vec<u8>, Option<ErrorKind>) {
    stream.write_all(request.as_bytes()).unwrap();
    answer(stream)
}

/// No answer within the time that [`client`] waits.
const SILENCE: Option<ErrorKind> = Some(ErrorKind::WouldBlock);

#[test]
fn bytes_pass_and_are_counted() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let mut stream = client(&proxy);
    assert_eq!(ask(&mut stream, "PING\r\n"), (PONG.to_vec(), SILENCE));
    assert_eq!((proxy.bytes_from_clients(), proxy.bytes_from_server()), (6, 7));
    assert_eq!((proxy.connections(), proxy.connections_open()), (1, 1));
    let large = "x".repeat(3_000_000);
    thread::scope(|scope| {
        let mut writer = stream.try_clone().unwrap();
        scope.spawn(move || writer.write_all(format!("*2\r\n$4\r\nECHO\r\n$3000000\r\n{large}\r\n").as_bytes()).unwrap());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.read_exact(&mut vec![0; "$3000000\r\n\r\n".len() + 3_000_000]).unwrap();
    });
    drop(stream);
    eventually("the end passes too", || proxy.connections_open() == 0);
}

#[test]
fn a_direction_is_swallowed() {
    let server = server();
    for (mode, key, written, why) in [
        (Mode::DropToServer, "a", "", "the server never hears of it"),
        (Mode::DropToClient, "b", "1", "the server has done it, and the answer is lost"),
        (Mode::DropBoth, "c", "", "a partition"),
    ] {
        let proxy = Proxy::start(server.port());
        let mut stream = client(&proxy);
        assert_eq!(ask(&mut stream, "PING\r\n").0, PONG);
        proxy.set(mode);
        assert_eq!(ask(&mut stream, &format!("SET {key} 1\r\n")), (Vec::new(), SILENCE), "{why}");
        assert_eq!(get(&server, key), written, "{why}");
        proxy.set(Mode::Pass);
        assert_eq!(answer(&mut stream), (Vec::new(), Some(ErrorKind::ConnectionReset)), "TCP hides no gap");
        assert_eq!(ask(&mut client(&proxy), "PING\r\n").0, PONG);
    }
}

#[test]
fn a_stall_holds_everything_back() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let (mut stream, mut idle) = (client(&proxy), client(&proxy));
    assert_eq!(ask(&mut stream, "PING\r\n").0, PONG);
    proxy.set(Mode::Stall);
    assert_eq!(ask(&mut stream, "SET key 1\r\n"), (Vec::new(), SILENCE));
    assert_eq!(get(&server, "key"), "");
    drop(stream);
    proxy.set(Mode::Pass);
    eventually("it arrives, though its client has left", || get(&server, "key") == "1");
    assert_eq!(ask(&mut idle, "PING\r\n").0, PONG, "nothing was lost, so nothing is reset");
}

#[test]
fn connections_are_reset_and_refused() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let (mut first, mut second) = (client(&proxy), client(&proxy));
    assert_eq!((ask(&mut first, "PING\r\n").0, ask(&mut second, "PING\r\n").0), (PONG.to_vec(), PONG.to_vec()));
    proxy.set(Mode::Refuse);
    assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ask(&mut first, "PING\r\n").0, PONG, "who is connected stays so");
    proxy.set(Mode::Reset);
    for stream in [&mut first, &mut second] {
        assert_eq!(answer(stream), (Vec::new(), Some(ErrorKind::ConnectionReset)));
    }
    let mut third = client(&proxy);
    assert_eq!(answer(&mut third), (Vec::new(), Some(ErrorKind::ConnectionReset)), "new ones too");
    proxy.set(Mode::Pass);
    assert_eq!(ask(&mut client(&proxy), "PING\r\n").0, PONG);
}

#[test]
fn an_answer_ends_in_its_middle() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let mut stream = client(&proxy);
    proxy.set(Mode::HalfClose);
    assert_eq!(ask(&mut stream, "PING\r\n"), (PONG[..3].to_vec(), None), "half of it, then a regular end");
    drop(stream);
    eventually("both halves are closed", || proxy.connections_open() == 0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "slowness is what is tested")]
fn answers_are_slow() {
    let server = server();
    for (mode, read, why) in [
        (Mode::Delay { by: Duration::from_millis(400), jitter: Duration::from_millis(50) }, PONG.len(), "there and back"),
        (Mode::Trickle, 1, "one byte a second"),
    ] {
        let proxy = Proxy::start(server.port());
        let mut stream = client(&proxy);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        proxy.set(mode);
        let start = Instant::now();
        stream.write_all(b"PING\r\n").unwrap();
        stream.read_exact(&mut vec![0; read]).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(800), "{why}");
        proxy.set(Mode::Pass);
        stream.read_exact(&mut vec![0; PONG.len() - read]).unwrap();
    }
}

#[test]
fn a_source_has_a_mode_of_its_own() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let replica = |source: &str| {
        let lines = vec![format!("bind-source-addr {source}")];
        RedisServer::start(&RedisOptions {
            replica_of: Some(proxy.port()),
            lines,
            persistence: Persistence::None,
            ..RedisOptions::default()
        })
    };
    proxy.set_for(Ipv4Addr::new(127, 0, 5, 1), Mode::DropBoth);
    let (cut_off, other) = (replica("127.0.5.1"), replica("127.0.5.2"));
    eventually("the other one is attached", || other.info("replication")["master_link_status"] == "up");
    assert_eq!(cut_off.info("replication")["master_link_status"], "down");
    proxy.forget_sources();
    eventually("both are now", || cut_off.info("replication")["master_link_status"] == "up");
}
