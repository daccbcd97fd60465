//! The binary as strangers meet it: real processes, real sockets, real files, and real accidents.

mod checking;
mod crashes;
mod draining;
mod flood;
mod hang_ups;
mod health;
mod issuers;
mod keys;
mod log_verify;
mod redis;
mod reload;
mod replay;
mod revoking;
mod secrets;
mod store;
mod tls;

use std::collections::HashMap;

use cambist::domain::Digest256;
use serde_json::Value;

use crate::support::Server;

/// `input_sha256` of a token: the digest of its header and payload.
fn input_of(token: &str) -> String {
    let (input, _) = token.rsplit_once('.').unwrap();
    Digest256::of(input.as_bytes()).to_string()
}

/// The `jti` of every line that says `issued`, by what was presented.
fn issued_by_input(server: &Server) -> HashMap<String, Vec<String>> {
    let mut issued = HashMap::<String, Vec<String>>::new();
    for line in server.decisions().iter().filter(|line| line["outcome"] == "issued") {
        let text = |field: &str| line[field].as_str().map(str::to_owned).unwrap();
        issued.entry(text("input_sha256")).or_default().push(text("jti"));
    }
    issued
}

/// The published key set, from where the metadata says it is.
fn jwks(server: &Server) -> Value {
    let uri = server.client().get("/.well-known/oauth-authorization-server").unwrap().json()["jwks_uri"].as_str().unwrap().to_owned();
    let (_, path) = uri.strip_prefix("https://").unwrap().split_once('/').unwrap();
    server.client().get(&format!("/{path}")).unwrap().json()
}

/// The names of the published keys.
fn kids_of(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}
