//! `cambist keys`, beside a running server.

use std::collections::HashSet;

use josekit::jwk::Jwk;
use josekit::jws::{self, ES256};
use serde_json::Value;

use super::{jwks, kids_of};
use crate::support::{Answer, LocalIssuer, Server, ServerOptions, eventually};

/// Verifies an issued token as a resource server would, with the published key of its `kid`. By a library that did not sign it.
fn verify(jwks: &Value, answer: &Answer) {
    let token = answer.token().unwrap();
    let kid = answer.token_part(0)["kid"].clone();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).expect("the key is published");
    let key = Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
    let (claims, _) = jws::deserialize_compact(&token, &ES256.verifier_from_jwk(&key).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["client_id"], "web-shop");
}

/// The keys that a command says are to be blocked, and how.
fn blocks(said: &str) -> Vec<&str> {
    let commands = said.lines().filter_map(|line| line.trim().strip_prefix("cambist block --kid "));
    let kids = commands.filter_map(|rest| rest.split_once(" --reason 'signing key compromised' --config "));
    kids.map(|(kid, _)| kid).collect()
}

#[test]
fn keys_are_listed_and_too_young_ones_do_not_rotate() {
    let issuer = LocalIssuer::start();
    let server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let published = kids_of(&jwks(&server));
    let (code, said) = server.command(&["keys", "list"]);
    assert_eq!(code, Some(0), "{said}");
    for kid in &published {
        assert!(said.contains(kid), "{kid} is published: {said}");
    }
    for algorithm in ["ES256", "RS256", "EdDSA"] {
        assert!(said.lines().any(|line| line.starts_with(algorithm) && line.contains("current")), "{algorithm}: {said}");
        assert!(said.lines().any(|line| line.starts_with(algorithm) && line.contains("next")), "{algorithm}: {said}");
    }
    let (code, said) = server.command(&["keys", "rotate"]);
    assert_eq!(code, Some(1), "{said}");
    let instant = said.split("possible from ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(instant.starts_with("20") && instant.ends_with('Z'), "it says from when on: {said}");
    assert_eq!(kids_of(&jwks(&server)), published);
}

#[test]
fn compromised_keys_are_dropped_under_a_running_server() {
    let issuer = LocalIssuer::start();
    let server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let before = jwks(&server);
    let first = server.exchange(&issuer.token());
    verify(&before, &first);

    // One key of three.
    let kid = first.token_part(0)["kid"].as_str().unwrap().to_owned();
    let (code, said) = server.command(&["keys", "rotate", "--compromised", "--kid", &kid]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(blocks(&said), [&*kid], "{said}");
    assert!(!said.contains("no server has run") && said.contains("not published yet: a server does that within a second"), "{said}");
    eventually("the key is no longer published", || !kids_of(&jwks(&server)).contains(&kid));
    let after_one = jwks(&server);
    verify(&after_one, &server.exchange(&issuer.token()));
    let kept = kids_of(&before).iter().filter(|kid| kids_of(&after_one).contains(kid)).count();
    assert_eq!(kept, kids_of(&before).len() - 1, "the other keys stay");

    let (code, said) = server.command(&["keys", "rotate", "--compromised"]);
    assert_eq!(code, Some(0), "{said}");
    let gone = kids_of(&after_one);
    let dropped: HashSet<_> = blocks(&said).into_iter().map(str::to_owned).collect();
    assert_eq!(dropped, gone.iter().cloned().collect(), "each is named for the last time: {said}");
    eventually("all keys are others", || kids_of(&jwks(&server)).iter().all(|kid| !gone.contains(kid)));
    let answer = server.exchange(&issuer.token());
    verify(&jwks(&server), &answer);
    assert!(server.degraded().is_empty());

    let (code, said) = server.command(&["keys", "rotate", "--compromised", "--kid", &kid]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&kid) && said.contains("keys list"), "{said}");
    server.until_signed();
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "checkpoints of dropped keys still verify: {said}");
}
