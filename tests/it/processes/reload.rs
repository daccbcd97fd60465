//! Trust that changes while the server runs.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{LocalIssuer, Server, ServerOptions, eventually};

/// Replaces the trust file as `mv` does.
fn write_trust(server: &Server, trust: &str) {
    let draft = server.folder.path().join("draft");
    fs::write(&draft, trust).unwrap();
    fs::rename(draft, server.trust_file()).unwrap();
}

/// Waits until what is wrong is exactly this.
fn wait_until_degraded(server: &Server, expected: &[&str]) {
    eventually(&format!("degraded: {expected:?}"), || server.degraded() == expected);
}

fn wait_for_metric(server: &Server, line: &str) {
    eventually(line, || server.admin("/metrics").text.lines().any(|found| found == line));
}

fn trust_version(server: &Server) -> String {
    server.admin("/readyz").json()["trust_version"].as_str().unwrap().into()
}

/// The line of a text that holds these words, from 1.
fn line_of(text: &str, words: &str) -> usize {
    text.lines().position(|line| line.contains(words)).unwrap() + 1
}

#[test]
fn a_broken_change_keeps_the_old_trust_and_a_good_one_recovers() {
    let issuer = LocalIssuer::start();
    let good = issuer.trust();
    let server = Server::start(&ServerOptions::trusting(&good));
    let version = trust_version(&server);

    let broken = good.replace("purpose   =", "porpoise  =");
    write_trust(&server, &broken);
    wait_until_degraded(&server, &["trust_refused"]);
    for (answer, who) in [(server.client().get("/readyz").unwrap(), "public"), (server.admin("/readyz"), "admin")] {
        assert_eq!(answer.status, 200, "{who}");
    }
    wait_for_metric(&server, "cambist_degraded{reason=\"trust_refused\"} 1");
    wait_for_metric(&server, "cambist_trust_reloads_total{outcome=\"refused\"} 1");
    let place = format!("trust/test.toml:{}:", line_of(&broken, "porpoise"));
    assert!(server.process_log().contains(&place), "the log names {place}");
    assert_eq!(trust_version(&server), version);
    assert_eq!(server.exchange(&issuer.token()).status, 200, "the old trust is in force");

    // A second fault is told as well, without being asked for; one that was told is not repeated.
    let broken_too = broken.replace("2099-12-31", "\"soon\"");
    write_trust(&server, &broken_too);
    eventually("the second fault is in the log", || server.process_log().contains(&format!("test.toml:{}:", line_of(&broken_too, "soon"))));
    assert_eq!(server.degraded(), ["trust_refused"]);

    write_trust(&server, &good.replace("10m", "5m"));
    wait_until_degraded(&server, &[]);
    assert_ne!(trust_version(&server), version);
    wait_for_metric(&server, "cambist_degraded{reason=\"trust_refused\"} 0");
    assert_eq!(server.exchange(&issuer.token()).json()["expires_in"], 300, "the new trust is in force");
}

#[test]
fn a_removed_relationship_denies_the_next_request_and_its_tokens_are_said_to_live_on() {
    let issuer = LocalIssuer::start();
    let server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    let without = issuer.trust().split("[trust.web-shop]").next().unwrap().to_owned();
    write_trust(&server, &without);
    // At once, not at the next look.
    server.signal("HUP");
    eventually("the removal is in the log", || server.process_log().contains("relationship removed"));
    assert_eq!(server.exchange(&issuer.token()).reason(), "denied: no_relationship");
    let log = server.process_log();
    let line = log.lines().find(|line| line.contains("relationship removed")).unwrap();
    assert!(line.contains("web-shop") && line.contains("live on until they expire"), "{line}");

    write_trust(&server, &issuer.trust());
    eventually("it is back", || server.exchange(&issuer.token()).status == 200);
}

#[test]
fn a_mounted_volume_is_swapped_as_kubernetes_does_and_loads_nothing_twice() {
    let issuer = LocalIssuer::start();
    let mut server = Server::prepare(&ServerOptions::trusting(&issuer.trust()));
    let folder = server.folder.path().join("trust");
    let version = |name: &str, trust: &str| {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("test.toml"), trust).unwrap();
    };
    fs::remove_file(server.trust_file()).unwrap();
    version("..2026_01", &issuer.trust());
    symlink("..2026_01", folder.join("..data")).unwrap();
    symlink("..data/test.toml", folder.join("test.toml")).unwrap();
    server.restart();
    assert_eq!(server.exchange(&issuer.token()).json()["expires_in"], 600);

    version("..2026_02", &issuer.trust().replace("10m", "3m"));
    symlink("..2026_02", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..2026_01")).unwrap();
    eventually("the swap is noticed", || server.exchange(&issuer.token()).json()["expires_in"] == 180);
    assert!(server.degraded().is_empty());
    wait_for_metric(&server, "cambist_trust_reloads_total{outcome=\"changed\"} 1");
}

#[test]
fn an_issuer_name_keeps_its_url_over_reloads_and_restarts() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let rebound = issuer.trust().replace(issuer.url(), "http://127.0.0.1:9");
    write_trust(&server, &rebound);
    wait_until_degraded(&server, &["trust_refused"]);
    assert!(server.process_log().contains("issuer_rebound"));
    assert_eq!(server.exchange(&issuer.token()).status, 200, "the old trust is in force");

    assert_eq!(server.terminate(), Some(0));
    server.spawn();
    assert_eq!(server.ended().code(), Some(1), "a cold start does not believe it either");
    assert!(server.process_log().contains("bound to"));
    write_trust(&server, &issuer.trust());
    server.restart();
    assert_eq!(server.exchange(&issuer.token()).status, 200);
}

#[test]
fn sighup_goes_on_in_a_new_decision_log_that_continues_the_old_one() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    let moved = server.folder.path().join("state/decisions-1.jsonl");
    fs::rename(server.log_file(), &moved).unwrap();
    server.signal("HUP");
    eventually("there is a new file", || server.log_file().exists());
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    assert_eq!(server.decisions().len(), 1, "the new line is in the new file");
    assert_eq!(server.terminate(), Some(0));
    let (old, new) = (moved.to_str().unwrap(), server.log_file().to_str().unwrap().to_owned());
    let (code, said) = server.command(&["log", "verify", old, &new]);
    assert_eq!(code, Some(0), "{said}");
}
