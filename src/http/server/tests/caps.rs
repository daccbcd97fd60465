//! How many, and who.

use super::*;

fn capped(max_connections: usize) -> ListenerSettings {
    ListenerSettings { max_connections, ..ListenerSettings::plaintext(LOOPBACK) }
}

const GET_PEER: &str = "GET /peer HTTP/1.1\r\nHost: sts.test\r\n\r\n";

/// A connection with a request in progress: its body is waited for.
async fn busy(server: &ServerHandle) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(format!("{FORM_HEAD}Expect: 100-continue\r\nContent-Length: 7\r\n\r\n").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_a_newcomer() {
    for first in ["", GET_PEER] {
        let server = serve_with(capped(1), super::super::DEADLINES, routes()).await;
        let mut idle = connect(&server).await;
        idle.write_all(first.as_bytes()).await.unwrap();
        if !first.is_empty() {
            assert_eq!(status(&read_answer(&mut idle).await), "HTTP/1.1 200 OK");
        }
        let mut newcomer = connect(&server).await;
        newcomer.write_all(GET_PEER.as_bytes()).await.unwrap();
        assert_eq!(status(&read_answer(&mut newcomer).await), "HTTP/1.1 200 OK");
        assert_eq!(read_to_close(&mut idle).await, "");
    }
}

#[tokio::test]
async fn a_connection_beyond_the_cap_is_told_so() {
    let server = serve_with(capped(1), super::super::DEADLINES, routes()).await;
    let mut first = busy(&server).await;

    let second = exchange(&server, format!("{FORM_HEAD}Content-Length: 7\r\n\r\nscope=a")).await;
    insta::assert_snapshot!(undated(&second), @r#"
    HTTP/1.1 503 Service Unavailable
    x-content-type-options: nosniff
    strict-transport-security: max-age=31536000
    content-type: application/json
    cache-control: no-store
    pragma: no-cache
    retry-after: 1
    connection: close
    content-length: 130

    {"error":"temporarily_unavailable","error_description":"unavailable: overloaded","error_uri":"https://sts.test/errors#overloaded"}
    "#);

    first.write_all(b"scope=a").await.unwrap();
    assert_eq!(status(&read_answer(&mut first).await), "HTTP/1.1 200 OK", "it was let finish");
    let mut answer = String::new();
    while !answer.starts_with("HTTP/1.1 200 OK") {
        answer = exchange(&server, GET_PEER.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    }
}

#[tokio::test]
async fn connections_beyond_both_caps_are_dropped_and_do_no_harm() {
    let server = serve_with(capped(1), SHORT, routes()).await;
    let first = busy(&server).await;
    let mut silent = Vec::new();
    for _ in 0..=super::super::MAX_TURNED_AWAY + 20 {
        silent.push(connect(&server).await);
    }
    for stream in &mut silent {
        assert_eq!(read_to_close(stream).await, "");
    }
    drop(first);
    let mut answer = String::new();
    while !answer.starts_with("HTTP/1.1 200 OK") {
        answer = exchange(&server, GET_PEER.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    }
}

#[tokio::test]
async fn behind_a_proxy_nobody_else_is_read() {
    for (proxies, forwarded, expected, why) in [
        ("127.0.0.0/8", "", Some("127.0.0.1"), "the proxy itself"),
        ("127.0.0.0/8", "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n", Some("192.0.2.7"), "whom it forwards for"),
        ("10.0.0.0/8", "X-Forwarded-For: 192.0.2.7\r\n", None, "not a proxy"),
    ] {
        let settings = ListenerSettings { behind_proxy: vec![proxies.parse().unwrap()], ..ListenerSettings::plaintext(LOOPBACK) };
        let server = serve_with(settings, super::super::DEADLINES, routes()).await;
        let answer = exchange(&server, format!("GET /peer HTTP/1.1\r\nHost: sts.test\r\nConnection: close\r\n{forwarded}\r\n")).await;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        assert_eq!(body, expected, "{why}: {answer}");
    }
}

#[tokio::test]
async fn without_proxies_a_forwarded_address_is_ignored() {
    let request = "GET /peer HTTP/1.1\r\nHost: sts.test\r\nConnection: close\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    assert!(exchange(&server().await, request).await.ends_with("\r\n\r\n127.0.0.1"));
}
