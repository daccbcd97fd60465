//! What one request is, and where it ends.

use super::*;

#[tokio::test]
async fn an_answer_has_no_server_header_and_no_cors() {
    let request = format!("{FORM_HEAD}Origin: https://evil.example\r\nConnection: close\r\nContent-Length: 7\r\n\r\nscope=a");
    let answer = exchange(&server().await, request).await;
    insta::assert_snapshot!(undated(&answer), @r#"
    HTTP/1.1 200 OK
    x-content-type-options: nosniff
    strict-transport-security: max-age=31536000
    content-type: text/plain
    cache-control: no-store
    content-length: 9
    connection: close

    ["scope"]
    "#);
}

#[tokio::test]
async fn requests_follow_each_other_on_a_connection() {
    let server = server().await;
    let mut stream = connect(&server).await;
    for _ in 0..3 {
        stream.write_all(format!("{FORM_HEAD}Content-Length: 7\r\n\r\nscope=a").as_bytes()).await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), "HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn a_smuggled_request_is_never_read() {
    const SMUGGLED: &str = "GET /peer HTTP/1.1\r\nHost: sts.test\r\n\r\n";
    let server = server().await;
    for (head, body, expected, why) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "200", "both: the coding counts, and the connection ends"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n", "200", "in the other order"),
        ("Transfer-Encoding: chunked\r\n", "7\r\nscope=a\r\n0\r\n\r\n", "200", "the coding alone"),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", "400", "chunked is not the last coding"),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", "400", "no coding that exists"),
        ("Content-Length: 0\r\nContent-Length: 7\r\n", "scope=a", "400", "two lengths"),
        ("Content-Length: 0, 7\r\n", "scope=a", "400", "a list of lengths"),
        ("Content-Length: +0\r\n", "", "400", "a signed length"),
        ("Content-Length : 0\r\n", "", "400", "a space before the colon"),
        ("Content-Length: 0\r\n folded\r\n", "", "400", "a folded line"),
    ] {
        let answer = exchange(&server, format!("{FORM_HEAD}{head}\r\n{body}{SMUGGLED}")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{why}: {answer}");
        assert_eq!(status(&answer).split(' ').nth(1), Some(expected), "{why}: {answer}");
    }
}

#[tokio::test]
async fn http_1_0_is_not_kept_alive() {
    let answer = exchange(&server().await, "GET /peer HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /peer HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.matches("127.0.0.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_request_has_exactly_one_host() {
    let server = server().await;
    for (hosts, expected) in [("", "400"), ("Host: a\r\nHost: b\r\n", "400"), ("Host: evil.example\r\n", "200")] {
        let answer = exchange(&server, format!("GET /peer HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer).split(' ').nth(1), Some(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_head_is_at_most_16_kib() {
    let server = server().await;
    for (length, expected) in [(15_000, "HTTP/1.1 200 OK"), (17_000, "HTTP/1.1 431 Request Header Fields Too Large")] {
        let request = format!("GET /peer HTTP/1.1\r\nHost: sts.test\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(length));
        assert_eq!(status(&exchange(&server, request).await), expected, "{length}");
    }
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_the_refusal_is_read() {
    let server = server().await;
    let body = "x".repeat(8 * 1024 * 1024);
    for (framing, why) in [
        (format!("Content-Length: {}\r\n\r\n{body}", body.len()), "announced"),
        (format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()), "counted"),
    ] {
        let mut stream = connect(&server).await;
        let (mut reader, mut writer) = stream.split();
        let writing = async {
            let _ = writer.write_all(format!("{FORM_HEAD}{framing}").as_bytes()).await;
        };
        let mut answer = Vec::new();
        let ((), read) = tokio::join!(writing, tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)));
        let _ = read.expect("the server keeps the connection open");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(status(&answer), "HTTP/1.1 413 Payload Too Large", "{why}");
        assert!(answer.contains("connection: close") && answer.contains("malformed: body_too_large"), "{why}: {answer}");
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_and_nothing_else() {
    let server = server().await;
    let mut stream = connect(&server).await;
    for (path, expected) in [("/panic", "HTTP/1.1 500 Internal Server Error"), ("/peer", "HTTP/1.1 200 OK")] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: sts.test\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "an HTTP/2 client that nobody here wrote, against our own listener")]
async fn http_2_is_spoken_in_plaintext_too() {
    let server = server().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let url = format!("http://{}", server.local_address());
    let answer = client.get(format!("{url}/peer")).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
    let long = client.get(format!("{url}/peer")).header("x", "x".repeat(17_000)).send().await;
    assert_eq!(long.map_or(431, |answer| answer.status().as_u16()), 431, "refused by status or by reset");
    let form = client.post(format!("{url}/form")).header("content-type", "application/x-www-form-urlencoded").body("x".repeat(70_000));
    assert_eq!(form.send().await.unwrap().status().as_u16(), 413);
}

#[tokio::test]
async fn large_bodies_share_their_room_and_small_ones_need_none() {
    let server = server().await;
    let head = |length: usize| format!("{FORM_HEAD}Connection: close\r\nContent-Length: {length}\r\n\r\n");
    let large = format!("scope={}", "x".repeat(10_000));
    let mut slow = connect(&server).await;
    slow.write_all(format!("{}{}", head(large.len()), &large[..9_000]).as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains("unavailable: overloaded") {
        answer = exchange(&server, format!("{}{large}", head(large.len()))).await;
    }
    assert_eq!(status(&answer), "HTTP/1.1 503 Service Unavailable");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert_eq!(status(&exchange(&server, format!("{}scope=a", head(7))).await), "HTTP/1.1 200 OK");
    slow.write_all(&large.as_bytes()[9_000..]).await.unwrap();
    assert_eq!(status(&read_to_close(&mut slow).await), "HTTP/1.1 200 OK");
}
