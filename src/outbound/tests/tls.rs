//! Private certificate authorities.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::super::{FetchError, FetchRequest, FetchResponse, HttpFetch, Network, Outbound};
use super::server::{Answer, Authority, TestServer};

async fn get(outbound: &Outbound, url: &str, ca_file: Option<&Path>) -> Result<FetchResponse, FetchError> {
    let url = Url::parse(url).unwrap();
    let request = FetchRequest { url, network: Network::Loopback, ca_file: ca_file.map(Into::into), bearer: None, max_bytes: 100 };
    outbound.get(&request).await
}

fn outbound() -> Outbound {
    Outbound::new(Arc::new(HttpFetch::new()))
}

fn is_certificate_error(error: &FetchError) -> bool {
    matches!(error, FetchError::Transport(why) if why.contains("certificate"))
}

#[tokio::test]
async fn only_the_authorities_of_the_file_are_trusted() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = TestServer::https(&ours.identity(), |_| Answer::ok("private")).await;
    let (outbound, directory) = (outbound(), tempfile::tempdir().unwrap());
    let [right, wrong, both] = ["right.pem", "wrong.pem", "both.pem"].map(|name| directory.path().join(name));
    std::fs::write(&right, &ours.pem).unwrap();
    std::fs::write(&wrong, &other.pem).unwrap();
    std::fs::write(&both, format!("# old and new\n{}{}", other.pem, ours.pem)).unwrap();

    assert_eq!(get(&outbound, &server.url("/"), Some(&right)).await.unwrap().body, b"private");
    assert_eq!(get(&outbound, &server.url("/"), Some(&both)).await.unwrap().body, b"private");
    for untrusting in [Some(&*wrong), None] {
        let error = get(&outbound, &server.url("/"), untrusting).await.unwrap_err();
        assert!(is_certificate_error(&error), "{untrusting:?}: {error:?}");
    }
    assert_eq!(server.requests().len(), 2, "no request is sent to a server that is not trusted");
}

#[tokio::test]
async fn the_name_in_the_certificate_must_be_the_host() {
    let authority = Authority::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    for (names, trusted) in [(&["localhost", "127.0.0.1"][..], true), (&["localhost"], false), (&["issuer.example", "127.0.0.2"], false)] {
        let server = TestServer::https(&authority.identity_of(names), |_| Answer::ok("private")).await;
        let answer = get(&outbound(), &server.url("/"), Some(file.path())).await;
        assert_eq!(answer.is_ok(), trusted, "{names:?}");
        assert!(answer.err().is_none_or(|error| is_certificate_error(&error)), "{names:?}");
    }
}

#[tokio::test]
async fn a_changed_file_of_authorities_is_in_force_with_the_next_fetch() {
    let (old, new) = (Authority::new(), Authority::new());
    let old_server = TestServer::https(&old.identity(), |_| Answer::ok("old")).await;
    let new_server = TestServer::https(&new.identity(), |_| Answer::ok("new")).await;
    let (outbound, file) = (outbound(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(file.path(), &old.pem).unwrap();
    assert!(get(&outbound, &old_server.url("/"), Some(file.path())).await.is_ok());
    assert!(get(&outbound, &new_server.url("/"), Some(file.path())).await.is_err());

    std::fs::write(file.path(), &new.pem).unwrap();
    assert!(get(&outbound, &new_server.url("/"), Some(file.path())).await.is_ok());
    let removed = get(&outbound, &old_server.url("/"), Some(file.path())).await.unwrap_err();
    assert!(is_certificate_error(&removed), "{removed:?}");
}

#[tokio::test]
async fn an_unusable_file_of_authorities_trusts_nobody() {
    let authority = Authority::new();
    let server = TestServer::https(&authority.identity(), |_| Answer::ok("private")).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    for (content, expected) in [
        (None, "cannot be read"),
        (Some(""), "it holds no certificate"),
        (Some("certificates, but not yet"), "it holds no certificate"),
        (Some("-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n"), "it is not PEM"),
        (Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "its certificate 1 is malformed"),
    ] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = get(&outbound(), &server.url("/"), Some(&path)).await.unwrap_err().to_string();
        assert!(error.contains("ca.pem") && error.contains(expected), "{error}");
    }
    assert_eq!(server.connections(), 0);
}
