//! Slow and silent peers.

use super::*;

#[tokio::test]
async fn a_connection_that_never_asks_is_closed() {
    let server = impatient_server().await;
    let long = format!("GET /peer HTTP/1.1\r\nHost: sts.test\r\nX: {}", "x".repeat(1_000));
    let mut silent = Vec::new();
    for (first, why) in [
        ("", "nothing at all"),
        ("GET /pe", "half a line"),
        (&*long, "a head without an end"),
        ("PRI * HTTP/2.0\r\n", "half an HTTP/2 preface"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an HTTP/2 preface and no settings"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "HTTP/2 without a request"),
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(first.as_bytes()).await.unwrap();
        silent.push((stream, why));
    }
    for (mut stream, why) in silent {
        let answer = read_to_close(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{why}: {answer}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let server = impatient_server().await;
    let mut stream = connect(&server).await;
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        for byte in "GET /peer HTTP/1.1\r\n".bytes().chain(std::iter::repeat(b'x')) {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = drip => {}
        _ = reader.read_to_end(&mut answer) => {}
        () = tokio::time::sleep(PATIENCE) => unreachable!("the server waits"),
    }
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_second_head_has_a_deadline_too() {
    let server = impatient_server().await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: sts.test\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_answer(&mut stream).await), "HTTP/1.1 200 OK");
    stream.write_all(b"GET /pe").await.unwrap();
    assert_eq!(read_to_close(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = impatient_server().await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: sts.test\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_answer(&mut stream).await), "HTTP/1.1 200 OK");
    assert_eq!(read_to_close(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_answered_with_408_and_closed() {
    let slow = async |request: Request<Body>| {
        let (head, body) = request.into_parts();
        let error = Form::read_within(Duration::from_millis(100), &head, body, &BodyRoom::new(1)).await.unwrap_err();
        answers().error(&OauthError::from(error))
    };
    let router = Router::new().route("/form", post(slow));
    let server = serve_with(ListenerSettings::plaintext(LOOPBACK), super::super::DEADLINES, router).await;
    let answer = exchange(&server, format!("{FORM_HEAD}Content-Length: 100\r\n\r\nscope=")).await;
    insta::assert_snapshot!(undated(&answer), @r#"
    HTTP/1.1 408 Request Timeout
    x-content-type-options: nosniff
    strict-transport-security: max-age=31536000
    content-type: application/json
    cache-control: no-store
    pragma: no-cache
    content-length: 124
    connection: close

    {"error":"invalid_request","error_description":"malformed: body_timeout","error_uri":"https://sts.test/errors#body_timeout"}
    "#);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_request() {
    let server = server().await;
    let mut stream = connect(&server).await;
    stream.write_all(format!("{FORM_HEAD}Content-Length: 100\r\n\r\nscope=").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(!read_to_close(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up() {
    let server = impatient_server().await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: sts.test\r\n\r\n").await.unwrap();
    // Nothing is read: the drain ends well only if the server gives up by itself.
    let drained = server.drain(PATIENCE).await;
    assert!(drained.requests);
    assert!(read_to_close(&mut stream).await.len() < 64 * 1024 * 1024, "cut off");
}
