//! The end of a server: by SIGTERM, and by being killed; and who may have its store.

use std::net::TcpStream;

use crate::support::{LocalIssuer, ScriptedIssuer, Server, ServerOptions, eventually, run};

#[test]
fn sigterm_lets_a_running_exchange_finish() {
    let (issuer, local) = (ScriptedIssuer::start(), LocalIssuer::start());
    let mut server = Server::start(&ServerOptions::trusting(&(local.trust() + &issuer.trust("slow"))));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    // Kept alive, and idle: it must not keep the server.
    let mut idle = server.client();
    assert_eq!(idle.get("/livez").unwrap().status, 200);

    issuer.rotate("second");
    issuer.close_door();
    let (token, before) = (issuer.token(), issuer.connections());
    let mut client = server.client();
    let answer = std::thread::scope(|scope| {
        let exchange = scope.spawn(move || client.exchange(&token));
        eventually("the exchange waits for the new key", || issuer.connections() > before);
        server.signal("TERM");
        eventually("nobody is let in any more", || TcpStream::connect(&server.public).is_err());
        issuer.open_door();
        exchange.join().unwrap()
    });
    let answer = answer.expect("the exchange was answered");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.ended().code(), Some(0));
    let lines = server.decisions();
    assert_eq!(lines.last().unwrap()["jti"], answer.token_part(1)["jti"]);
    let (code, said) = server.command(&["log", "verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn one_server_has_a_store_and_a_dead_one_has_none() {
    let issuer = LocalIssuer::start();
    let mut first = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let mut second = Server::prepare(&ServerOptions::trusting(&issuer.trust()));
    let shared = format!("[store]\nurl = \"sqlite:{}/state/cambist.db\"\n", first.folder.path().display());
    let config = std::fs::read_to_string(second.config_file()).unwrap() + &shared;
    std::fs::write(second.config_file(), config).unwrap();
    second.spawn();
    assert_eq!(second.ended().code(), Some(1));
    let said = second.process_log();
    assert_eq!(said.matches("another cambist server uses this store").count(), 1, "said once: {said}");
    assert!(said.contains("cambist.db.lock"), "{said}");
    assert_eq!(first.exchange(&issuer.token()).status, 200, "the first has not noticed");

    let (token, address) = (issuer.token(), first.public.clone());
    assert_eq!(first.exchange(&token).status, 200);
    first.kill();
    assert!(TcpStream::connect(address).is_err());
    second.restart();
    assert_eq!(second.exchange(&token).reason(), "rejected: replayed", "it took over what the first remembered");
}

#[test]
fn a_server_that_cannot_start_says_why_and_exits_with_1() {
    let issuer = LocalIssuer::start();
    let server = Server::prepare(&ServerOptions::trusting(&issuer.trust()));
    let taken = std::net::TcpListener::bind(&server.public).unwrap();
    let (code, said) = run(&["serve"], Some(&server.config_file()));
    assert_eq!(code, Some(1));
    assert!(said.contains(&server.public), "{said}");
    drop(taken);
    let (code, said) = run(&["serve"], Some("/nonexistent/cambist.toml".as_ref()));
    assert_eq!(code, Some(1));
    assert!(said.contains("/nonexistent/cambist.toml") && said.contains("--config"), "{said}");
}
