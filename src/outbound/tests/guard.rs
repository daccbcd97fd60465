//! What the guard lets through.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::Seconds;

use super::super::{
    AddressClass, BoxFuture, FETCH_DEADLINE, Fetch, FetchError, FetchRequest, FetchResponse, HttpFetch, Network, Outbound, read_file,
};
use super::server::{Answer, Authority, TestServer};

fn request(url: &str, network: Network) -> FetchRequest {
    FetchRequest { url: Url::parse(url).unwrap(), network, ca_file: None, bearer: None, max_bytes: 1_000 }
}

/// With an authority of our own beyond loopback: a machine without any must be able to run these tests.
async fn get(url: &str, network: Network) -> Result<FetchResponse, FetchError> {
    let authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(authority.path(), Authority::new().pem).unwrap();
    let ca_file = (network != Network::Loopback).then(|| authority.path().to_path_buf());
    Outbound::new(Arc::new(HttpFetch::new())).get(&FetchRequest { ca_file, ..request(url, network) }).await
}

#[tokio::test]
async fn a_document_comes_with_its_body_and_freshness() {
    let server = TestServer::http(|_| Answer::ok("hello").header("cache-control: max-age=60")).await;
    let response = get(&server.url("/doc"), Network::Loopback).await.unwrap();
    assert_eq!((response.status, &*response.body, response.max_age), (200, &b"hello"[..], Some(Seconds(60))));

    let head = server.requests().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("get /doc http/1.1\r\n") && head.contains("user-agent: cambist/"), "{head}");
    for absent in ["accept-encoding", "authorization", "cookie", "referer"] {
        assert!(!head.contains(absent), "{absent}: {head}");
    }
}

#[tokio::test]
async fn a_url_that_must_not_be_asked_is_refused_before_any_connection() {
    let server = TestServer::http(|_| Answer::ok("secret")).await;
    let port = server.port();
    for (url, network, why) in [
        (format!("http://127.0.0.1:{port}/"), Network::Public, "plain http"),
        (format!("http://127.0.0.1:{port}/"), Network::Private, "plain http inside"),
        (format!("https://127.0.0.1:{port}/"), Network::Public, "loopback by address"),
        (format!("https://127.0.0.1:{port}/"), Network::Private, "private is not loopback"),
        (format!("https://localhost:{port}/"), Network::Public, "loopback by name, caught by the resolver"),
        (format!("https://localhost:{port}/"), Network::Private, "the same inside"),
        (format!("https://LOCALHOST.:{port}/"), Network::Public, "the same, fully qualified"),
        (format!("https://0x7f.1:{port}/"), Network::Public, "hexadecimal"),
        (format!("https://2130706433:{port}/"), Network::Public, "one number"),
        (format!("https://127.1.:{port}/"), Network::Public, "short, with a dot"),
        (format!("https://[::ffff:127.0.0.1]:{port}/"), Network::Public, "IPv4-mapped"),
        (format!("https://[::ffff:7f00:1]:{port}/"), Network::Private, "IPv4-mapped, in hexadecimal"),
        ("https://[64:ff9b::a9fe:a9fe]/".to_owned(), Network::Private, "NAT64 of the metadata address"),
        ("https://169.254.169.254/latest".to_owned(), Network::Private, "metadata"),
        ("http://10.0.0.1/".to_owned(), Network::Loopback, "loopback is not private"),
        (format!("http://u:p@127.0.0.1:{port}/"), Network::Loopback, "credentials"),
        (format!("http://u@127.0.0.1:{port}/"), Network::Loopback, "a user name"),
        (format!("http://127.0.0.1:{port}/#x"), Network::Loopback, "a fragment"),
        ("ftp://127.0.0.1/".to_owned(), Network::Loopback, "another scheme"),
        ("file:///etc/passwd".to_owned(), Network::Loopback, "no host"),
        ("data:text/plain,x".to_owned(), Network::Loopback, "not even a place"),
    ] {
        let refused = get(&url, network).await.unwrap_err();
        let own = matches!(
            refused,
            FetchError::Address { .. }
                | FetchError::Scheme
                | FetchError::Credentials
                | FetchError::Malformed
                | FetchError::NotResolved { .. }
        );
        assert!(own, "{why}: {url}: {refused:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_it_resolves_to() {
    let refused = get("https://localhost:1/", Network::Public).await.unwrap_err();
    assert!(matches!(refused, FetchError::Address { class: AddressClass::Loopback, .. }), "{refused:?}");
    let server = TestServer::http(|_| Answer::ok("hello")).await;
    let url = format!("http://localhost:{}/", server.port());
    assert_eq!(get(&url, Network::Loopback).await.unwrap().body, b"hello");
    let unknown = get("https://no-such-name.invalid/", Network::Public).await.unwrap_err();
    assert_eq!(unknown, FetchError::NotResolved { host: "no-such-name.invalid".into() });
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let other = TestServer::http(|_| Answer::ok("elsewhere")).await;
    let location = format!("location: {}", other.url("/"));
    let server = TestServer::http(move |path| {
        let status = path.trim_start_matches('/').parse().unwrap();
        Answer::status(status).header(&location)
    })
    .await;
    for status in [301_u16, 302, 303, 307, 308] {
        let answer = get(&server.url(&format!("/{status}")), Network::Loopback).await;
        assert_eq!(answer.unwrap_err(), FetchError::Redirect(status));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn only_status_200_counts() {
    let server = TestServer::http(|path| Answer::status(path.trim_start_matches('/').parse().unwrap())).await;
    for status in [201_u16, 203, 204, 206, 400, 401, 404, 429, 500, 503] {
        let answer = get(&server.url(&format!("/{status}")), Network::Loopback).await;
        assert_eq!(answer.unwrap_err(), FetchError::Status(status));
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_the_cap_and_no_further() {
    let server = TestServer::http(|path| Answer::ok(vec![b'x'; path.trim_start_matches('/').parse().unwrap()])).await;
    assert_eq!(get(&server.url("/1000"), Network::Loopback).await.unwrap().body.len(), 1_000);
    for size in ["/1001", "/50000000"] {
        assert_eq!(get(&server.url(size), Network::Loopback).await.unwrap_err(), FetchError::TooLarge { max_bytes: 1_000 });
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up() {
    let server = TestServer::http(|_| Answer { stalls: true, ..Answer::ok("half of it") }).await;
    assert_eq!(FETCH_DEADLINE, Duration::from_secs(5));
    let outbound = Outbound { fetch: Arc::new(HttpFetch::new()), deadline: Duration::from_millis(300) };
    let answer = outbound.get(&request(&server.url("/"), Network::Loopback)).await;
    assert_eq!(answer.unwrap_err(), FetchError::TimedOut);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_by_its_cause() {
    let url = TestServer::http(|_| Answer::ok("")).await.url("/private-path");
    // Its listener is closed by its task, which runs when we wait.
    tokio::task::yield_now().await;
    let error = get(&url, Network::Loopback).await.unwrap_err().to_string();
    assert!(error.starts_with("the request failed: ") && error.contains("refused") && !error.contains("private-path"), "{error}");
}

#[tokio::test]
async fn a_bearer_token_is_sent_and_never_shown() {
    let server = TestServer::http(|_| Answer::status(401)).await;
    let secret = "do-not-show-me";
    let with_token = |url: &str| FetchRequest { bearer: Some(SecretString::from(secret)), ..request(url, Network::Loopback) };
    let outbound = Outbound::new(Arc::new(HttpFetch::new()));
    let refused = outbound.get(&with_token(&server.url("/"))).await.unwrap_err();
    assert!(server.requests()[0].to_ascii_lowercase().contains("authorization: bearer do-not-show-me"));
    let unreachable = outbound.get(&with_token("http://127.0.0.1:1/")).await.unwrap_err();
    for shown in [format!("{refused} {refused:?}"), format!("{unreachable} {unreachable:?}"), format!("{:?}", with_token(&server.url("/")))]
    {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A double that breaks every rule.
struct Careless(u16, usize);

impl Fetch for Careless {
    fn get<'a>(&'a self, _: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        Box::pin(async { Ok(FetchResponse { status: self.0, body: vec![0; self.1], max_age: None }) })
    }
}

#[tokio::test]
async fn a_double_cannot_skip_the_guard() {
    for (double, url, expected) in [
        (Careless(200, 1_001), "https://issuer.example/", FetchError::TooLarge { max_bytes: 1_000 }),
        (Careless(302, 0), "https://issuer.example/", FetchError::Redirect(302)),
        (Careless(500, 0), "https://issuer.example/", FetchError::Status(500)),
        (Careless(200, 0), "http://issuer.example/", FetchError::Scheme),
        (Careless(200, 0), "https://u:p@issuer.example/", FetchError::Credentials),
    ] {
        let answer = Outbound::new(Arc::new(double)).get(&request(url, Network::Public)).await;
        assert_eq!(answer.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn a_file_is_read_whole_or_not_at_all() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"12345").unwrap();
    assert_eq!(read_file(file.path(), 5).await.unwrap(), b"12345");
    let too_large = read_file(file.path(), 4).await.unwrap_err().to_string();
    assert!(too_large.ends_with("cannot be read: it is larger than 4 bytes"), "{too_large}");
    let directory = tempfile::tempdir().unwrap();
    let no_file = read_file(directory.path(), 4).await.unwrap_err().to_string();
    assert!(no_file.ends_with("it is not a regular file"), "{no_file}");
    let missing = read_file(&directory.path().join("x"), 4).await.unwrap_err().to_string();
    assert!(missing.contains("/x cannot be read: "), "{missing}");
}
