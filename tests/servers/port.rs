//! Ports that nobody else takes, also while their server is down between two starts.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the operating system gives to clients, so that no outgoing connection takes one.
const FIRST: u16 = 30_000;
const COUNT: u16 = 2_700;

/// A port of 127.0.0.1, ours until this value ends.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    /// The same port of 127.0.0.2: every test process asks there first, and the operating system frees it when the process ends, however
    /// it ends. Not every system has that address; then the first bind of the server decides.
    _claim: Option<TcpListener>,
}

impl Port {
    pub(super) fn claim() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes start at different places, so that they seldom ask for the same one.
        let first = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(COUNT)).unwrap();
        for _ in 0..COUNT {
            let number = FIRST + (first + NEXT.fetch_add(1, Ordering::SeqCst) % COUNT) % COUNT;
            let claim = match TcpListener::bind(("127.0.0.2", number)) {
                Ok(claim) => Some(claim),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => continue,
                Err(_) => None,
            };
            if TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Self { number, _claim: claim };
            }
        }
        panic!("every port from {FIRST} on is taken");
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}
