//! `cambist store init`.

use super::{jwks, kids_of};
use crate::support::{LocalIssuer, Server, ServerOptions};

#[test]
fn a_store_is_initialised_once_and_its_loss_cuts_everything_off() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let (spent, kept) = (issuer.token(), issuer.token());
    assert_eq!(server.exchange(&spent).status, 200);
    let keys = |server: &Server| kids_of(&jwks(server));
    let before = keys(&server);

    let (code, said) = server.command(&["store", "init", "--accept-loss"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another cambist server uses this store"), "not under a running server: {said}");
    assert_eq!(server.terminate(), Some(0));
    let (code, said) = server.command(&["store", "init"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("initialised already") && said.contains("--accept-loss"), "{said}");
    server.restart();
    assert_eq!(server.exchange(&spent).reason(), "rejected: replayed", "nothing was done");
    assert_eq!(keys(&server), before);

    assert_eq!(server.terminate(), Some(0));
    let (code, said) = server.command(&["store", "init", "--accept-loss"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("new deployment"), "{said}");
    server.restart();
    for token in [&spent, &kept] {
        let answer = server.exchange(token);
        assert_eq!(answer.reason(), "rejected: fenced");
        assert_ne!(answer.header("retry-after"), "");
    }
    assert!(keys(&server).iter().all(|kid| !before.contains(kid)), "what was signed before verifies no more");
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "the decision log is not touched: {said}");
}

#[test]
fn a_command_without_a_store_says_what_to_do_and_makes_none() {
    let issuer = LocalIssuer::start();
    let server = Server::prepare(&ServerOptions { aged_store: false, ..ServerOptions::trusting(&issuer.trust()) });
    for command in [["keys", "list"], ["log", "verify"]] {
        let (code, said) = server.command(&command);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("store init"), "{said}");
    }
    let (code, said) = server.command(&["revocations"]);
    assert!(code == Some(1) && said.contains("what is revoked cannot be read") && !said.contains("nothing was changed"), "{said}");
    let (_, said) = server.command(&["revoke", "--all", "--reason", "r"]);
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(!server.folder.path().join("state").exists());
    let (code, said) = server.command(&["store", "init"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("deployment"), "{said}");
}
