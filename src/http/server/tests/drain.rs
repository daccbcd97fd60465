//! The end of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use tokio::sync::Notify;

use super::*;

/// An exchange that begins, waits for the test, and ends.
#[derive(Clone)]
struct Exchange {
    tracker: Tracker,
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
    ended: Arc<AtomicBool>,
}

impl Exchange {
    fn new() -> Self {
        let notify = || Arc::new(Notify::new());
        Self { tracker: Tracker::new(8), begun: notify(), go_on: notify(), ended: Arc::default() }
    }

    async fn server(&self) -> ServerHandle {
        let handler = async |State(exchange): State<Self>| {
            let (begun, go_on, ended) = (exchange.begun, exchange.go_on, exchange.ended);
            let work = async move {
                begun.notify_one();
                go_on.notified().await;
                ended.store(true, Ordering::SeqCst);
            };
            exchange.tracker.run(work).await.map_or("refused", |()| "done")
        };
        let router = Router::new().route("/exchange", get(handler)).with_state(self.clone());
        let listener = ListenerSettings::plaintext(LOOPBACK).bind().await.unwrap();
        serve(listener, router, answers(), self.tracker.clone())
    }

    async fn ask(&self, server: &ServerHandle) -> TcpStream {
        let mut stream = connect(server).await;
        stream.write_all(b"GET /exchange HTTP/1.1\r\nHost: sts.test\r\n\r\n").await.unwrap();
        tokio::time::timeout(PATIENCE, self.begun.notified()).await.expect("the exchange never began");
        stream
    }
}

#[tokio::test]
async fn a_drain_stops_accepting_and_waits_for_running_requests() {
    let exchange = Exchange::new();
    let server = exchange.server().await;
    let address = server.local_address();
    let mut asking = exchange.ask(&server).await;
    let mut idle = TcpStream::connect(address).await.unwrap();

    let draining = tokio::spawn(server.drain(PATIENCE));
    assert_eq!(read_to_close(&mut idle).await, "", "a connection without a request ends at once");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!draining.is_finished(), "it waits for the request");
    exchange.go_on.notify_one();
    let answer = read_to_close(&mut asking).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
    assert_eq!(draining.await.unwrap(), super::super::Drained { requests: true, exchanges: true });
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_no_exchange_and_the_drain_waits_for_it() {
    let exchange = Exchange::new();
    let server = exchange.server().await;
    drop(exchange.ask(&server).await);

    let draining = tokio::spawn(server.drain(PATIENCE));
    while exchange.tracker.run(async {}).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!exchange.ended.load(Ordering::SeqCst) && !draining.is_finished(), "its connection is gone; it still runs");
    exchange.go_on.notify_one();
    assert_eq!(draining.await.unwrap(), super::super::Drained { requests: true, exchanges: true });
    assert!(exchange.ended.load(Ordering::SeqCst), "it ran to its end");
}

#[tokio::test]
async fn what_is_left_at_the_deadline_is_cut_and_reported() {
    let exchange = Exchange::new();
    let server = exchange.server().await;
    let mut asking = exchange.ask(&server).await;
    let drained = server.drain(Duration::from_millis(50)).await;
    assert_eq!(drained, super::super::Drained { requests: false, exchanges: false });
    assert_eq!(read_to_close(&mut asking).await, "", "cut off");
}

#[tokio::test]
async fn a_dropped_handle_ends_the_server() {
    let exchange = Exchange::new();
    let server = exchange.server().await;
    let address = server.local_address();
    let mut asking = exchange.ask(&server).await;
    drop(server);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    exchange.go_on.notify_one();
    assert!(read_to_close(&mut asking).await.ends_with("done"), "running requests end well");
}
