//! A Redis behind TLS of a private authority.

use std::fs;

use super::{Site, lower_the_fence, toml_path, until_ready};
use crate::servers::RedisOptions;
use crate::support::{Server, Trail};
use crate::test_servers::certificates;

#[test]
fn a_redis_is_reached_with_a_private_authority_and_a_certificate_of_ours() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let files = certificates(folder.path());
    let redis = Site::redis(RedisOptions { tls: Some(files.clone()), ..RedisOptions::default() });
    let pem = fs::read_to_string(&files.key).unwrap();
    pem.lines().filter(|line| !line.starts_with("-----")).for_each(Trail::secret);
    let key = site.write("client.key", &pem);
    let lines = format!(
        "ca_file = {}\nclient_certificate = {}\nclient_key = {{ file = {} }}\n",
        toml_path(&files.authority),
        toml_path(&files.certificate),
        toml_path(&key),
    );
    let mut server = Server::prepare(&site.options("n1", &redis.url(), &lines));
    let (code, said) = server.command(&["store", "init"]);
    assert_eq!(code, Some(0), "{said}");
    lower_the_fence(&redis);
    server.restart();
    until_ready(&server);
    let token = site.once.token();
    assert_eq!(server.exchange(&token).status, 200);
    assert_eq!(server.exchange(&token).reason(), "rejected: replayed");
    let (code, said) = server.command(&["keys", "list"]);
    assert_eq!(code, Some(0), "{said}");
}
