//! A flood of requests that nobody can read.

use std::io::{BufReader, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{LocalIssuer, Server, ServerOptions, connect, read_answer};

const FLOOD: usize = 100_000;
const CONNECTIONS: usize = 4;
/// Requests that are sent before their answers are read: within what sockets buffer.
const PIPELINED: usize = 50;

/// Every way in which a request can be no exchange, and what is answered.
fn unparsable() -> Vec<(String, u16)> {
    let form = |body: &str| {
        let head = "POST /token HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    let token =
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token=";
    let claims = "eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9";
    vec![
        (form(""), 400),
        (form("%zz=%00&&&=&"), 400),
        (form(&"a=b&".repeat(80)), 400),
        (form("grant_type=password"), 400),
        (form(&format!("{token}x")), 400),
        (form(&format!("{token}{}", ".".repeat(900))), 400),
        (form(&format!("{token}eyJhbGciOiJub25lIn0.{claims}.&audience={}", "%1b".repeat(300))), 400),
        (form(&format!("{token}eyJhbGciOiJFUzI1NiJ9.{claims}.{}&scope={}", "A".repeat(86), "s".repeat(600))), 400),
        ("POST /token HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}".into(), 415),
        ("GET /token HTTP/1.1\r\nhost: test\r\n\r\n".into(), 405),
    ]
}

fn flood(address: SocketAddr, sent: &AtomicUsize) {
    let requests = unparsable();
    let mut connection = BufReader::new(connect(&address).unwrap());
    let burst: String = (0..PIPELINED).map(|at| requests[at % requests.len()].0.as_str()).collect();
    for _ in 0..FLOOD / CONNECTIONS / PIPELINED {
        connection.get_mut().write_all(burst.as_bytes()).unwrap();
        for at in 0..PIPELINED {
            let (request, expected) = &requests[at % requests.len()];
            let answer = read_answer(&mut connection).unwrap();
            assert_eq!(answer.status.as_u16(), *expected, "{request}: {answer:?}");
            assert_eq!(answer.header("connection"), "", "it is kept alive after {request}");
        }
        sent.fetch_add(PIPELINED, Ordering::SeqCst);
    }
}

#[test]
fn a_hundred_thousand_unparsable_requests_fill_no_log_and_stop_no_exchange() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    let before = std::fs::metadata(server.log_file()).unwrap().len();
    let (sent, address) = (AtomicUsize::new(0), server.public.parse().unwrap());
    let mut exchanged = 0;
    std::thread::scope(|scope| {
        let floods: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| flood(address, &sent))).collect();
        let mut client = server.client();
        while !floods.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let answer = client.exchange(&issuer.token()).unwrap();
            assert_eq!(answer.status, 200, "amid the flood: {answer:?}");
            exchanged += 1;
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    assert_eq!(sent.into_inner(), FLOOD);
    assert!(exchanged >= 10, "{exchanged} exchanges during the flood");
    assert_eq!(server.terminate(), Some(0));
    let grown = std::fs::metadata(server.log_file()).unwrap().len() - before;
    assert!(grown < 10 * 1024 * 1024, "the decision log grew by {grown} bytes");
    everything_is_counted(&server, exchanged);
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "{said}");
}

/// Each request of the flood has its line, or is counted in one.
fn everything_is_counted(server: &Server, exchanged: usize) {
    let decisions = server.decisions();
    let issued = decisions.iter().filter(|line| line["outcome"] == "issued").count();
    assert_eq!(issued, exchanged + 1);
    let text = std::fs::read_to_string(server.log_file()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let folded: u64 = lines.filter(|line| line["kind"] == "folded").map(|line| line["count"].as_u64().unwrap()).sum();
    assert_eq!(usize::try_from(folded).unwrap() + decisions.len() - issued, FLOOD);
}
