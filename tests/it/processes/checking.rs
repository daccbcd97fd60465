//! Commands that need no server: `check`, `dev-issuer`, `demo`.

use std::fs;

use crate::support::{Server, ServerOptions, run, trust_in};

const ISSUER: &str = "http://127.0.0.1:9";

#[test]
fn check_prints_every_error_with_its_place_and_exits_with_1() {
    let server = Server::prepare(&ServerOptions { aged_store: false, ..ServerOptions::trusting(&trust_in(ISSUER)) });
    let (code, said) = server.command(&["check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 issuer, 1 relationship, 0 trust tests: 0 errors, 0 warnings"), "{said}");

    let second = "[target.two]\naudience = \"https://two.example.com\"\n[target.two.scopes]\n\"x\" = \"X\"\n";
    fs::write(server.folder.path().join("trust/more.toml"), second).unwrap();
    fs::write(server.trust_file(), trust_in(ISSUER).replace("purpose   =", "porpoise  =").replace("\"10m\"", "10")).unwrap();
    let (code, said) = server.command(&["check"]);
    assert_eq!(code, Some(1), "{said}");
    for expected in ["test.toml:18:", "`porpoise`", "test.toml:29:", "more.toml:1:", "owner"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    fs::write(server.config_file(), "issuer = 7\n[listen]\npublic = \"0.0.0.0:1\"\nadnim = \"x\"\n").unwrap();
    let (code, said) = server.command(&["check"]);
    assert_eq!(code, Some(1), "{said}");
    for expected in ["cambist.toml:1:", "cambist.toml:3:", "cambist.toml:4:"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn check_runs_trust_tests_and_makes_warnings_errors_when_asked() {
    let trust = trust_in(ISSUER);
    let test = "\n[[trust.web-shop.test]]\nname = \"a feature branch cannot deploy\"\nclaims = { environment = \"production\", \
                ref = \"refs/heads/feature-x\" }\ntarget = \"deploy\"\nscopes = [\"deploy:web\"]\n";
    let with = |rest: &str| format!("{trust}{test}{rest}");
    for (trust, strict, code, expected, why) in [
        (with("expect = \"deny\"\nfailed = [\"ref\"]\n"), false, 0, "1 trust test: 0 errors", "it holds"),
        (with("expect = \"permit\"\n"), false, 1, "a feature branch cannot deploy", "it fails"),
        (with("expect = \"deny\"\nfailed = [\"environment\"]\n"), false, 1, "a feature branch cannot deploy", "for another reason"),
        (trust.replace("2099-12-31", "2020-01-31"), false, 0, "review-overdue", "a warning"),
        (trust.replace("2099-12-31", "2020-01-31"), true, 1, "review-overdue", "a warning, with --strict"),
    ] {
        let server = Server::prepare(&ServerOptions { aged_store: false, ..ServerOptions::trusting(&trust) });
        let (found, said) = server.command(if strict { &["check", "--strict"] } else { &["check"] });
        assert_eq!(found, Some(code), "{why}: {said}");
        assert!(said.contains(expected), "{why}: {said}");
        assert!(!server.folder.path().join("state").exists(), "{why}: it touches nothing");
    }
}

#[test]
fn a_development_issuer_listens_on_loopback_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let (code, said) = run(&["dev-issuer", "--listen", address], None);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("not loopback"), "{said}");
    }
}

#[test]
fn the_demo_ends_well_and_paints_nothing_into_a_pipe() {
    let (code, said) = run(&["demo"], None);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    for expected in ["replayed", "condition_failed", "expired", "bad_signature", "access_token"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn wrong_arguments_exit_with_2() {
    for arguments in [&["serf"][..], &["keys", "rotate", "--kid", "x"], &["demo", "--colour"], &[]] {
        let (code, said) = run(arguments, None);
        assert_eq!(code, Some(2), "{said}");
    }
}
