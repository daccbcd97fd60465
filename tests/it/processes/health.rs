//! `cambist health`.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{LocalIssuer, Server, ServerOptions, eventually, free_address, run};

#[test]
fn health_says_whether_the_server_is_ready_and_what_is_amiss() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    eventually("the server is ready and nothing is amiss", || server.degraded().is_empty());
    let (code, said) = server.command(&["health"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(r#"{"status":"ready","#), "{said}");

    fs::write(server.trust_file(), "not trust").unwrap();
    server.signal("HUP");
    eventually("the server refuses that trust", || !server.degraded().is_empty());
    let (code, said) = server.command(&["health"]);
    assert_eq!(code, Some(0), "a degraded server still answers for itself: {said}");
    assert!(said.contains("trust_refused"), "{said}");

    assert_eq!(server.terminate(), Some(0));
    let (code, said) = server.command(&["health"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&server.admin) && said.contains("is not ready"), "{said}");
}

#[test]
fn health_asks_a_development_issuer_and_nobody_on_another_machine() {
    let address = free_address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
    command.args(["dev-issuer", "--listen", &address]).stdin(Stdio::null()).stdout(Stdio::null());
    let mut issuer = command.spawn().unwrap();
    eventually("the development issuer is ready", || run(&["health", "--at", &address], None).0 == Some(0));
    issuer.kill().unwrap();
    issuer.wait().unwrap();
    for (arguments, code, expected) in [
        (&["health", "--at", &address][..], 1, "is not ready"),
        (&["health", "--at", "192.0.2.1:9090"], 1, "not on loopback"),
        (&["health", "--at", &address, "--config", "cambist.toml"], 2, "cannot be used with"),
    ] {
        let (found, said) = run(arguments, None);
        assert_eq!(found, Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
