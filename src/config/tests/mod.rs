//! What administrators are told about their configuration.

mod limits;
mod listeners;
mod secrets;
mod stores;

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use super::*;
use crate::document::Diagnostics;
use crate::domain::{IssuerUrl, Seconds};
use crate::telemetry::{LogFormat, LogLevel};

const FILE: &str = "etc/cambist.toml";

fn accepted(text: &str) -> Settings {
    let diagnostics = Diagnostics::new();
    let settings = Settings::parse(Path::new(FILE), text, &diagnostics);
    assert_eq!(diagnostics.to_string(), "", "{text}");
    settings.unwrap()
}

fn refused(text: &str) -> String {
    let diagnostics = Diagnostics::new();
    assert_eq!(Settings::parse(Path::new(FILE), text, &diagnostics), None, "{text}");
    diagnostics.to_string()
}

/// What is wrong with a file that is good but for these lines.
fn fault(lines: &str) -> String {
    let report = refused(&format!("issuer = \"https://sts.example.com\"\n{lines}"));
    assert_eq!(report.lines().count(), 1, "one fault, one line: {report}");
    report
}

#[test]
fn the_issuer_is_the_only_field_without_a_default() {
    let mut settings = accepted("issuer = \"https://sts.example.com\"");
    assert_eq!(settings, Settings::defaults(IssuerUrl::parse("https://sts.example.com").unwrap(), Path::new(FILE)));
    assert!(!settings.decisions.node.is_empty());
    settings.decisions.node = "node".into();
    insta::assert_debug_snapshot!(settings, @r#"
    Settings {
        issuer: IssuerUrl(
            "https://sts.example.com",
        ),
        listen: ListenSection {
            public: Listener {
                address: 127.0.0.1:8080,
                tls: None,
                behind_proxy: [],
                client_certificates: NotAsked,
            },
            admin: Listener {
                address: 127.0.0.1:9090,
                tls: None,
                behind_proxy: [],
                client_certificates: NotAsked,
            },
            max_connections: 768,
            max_in_flight: 256,
        },
        store: Sqlite {
            file: "etc/state/cambist.db",
        },
        trust: TrustSection {
            directory: "etc/trust",
        },
        keys: KeysSection {
            rotate_every: Seconds(
                2592000,
            ),
            encryption_keys: Own(
                "etc/state/encryption.key",
            ),
        },
        decisions: DecisionsSection {
            destination: File(
                "etc/state/decisions.jsonl",
            ),
            sync: Second,
            node: "node",
        },
        dpop: DpopSection {
            nonce: Off,
        },
        limits: LimitsSettings {
            per_peer: Some(
                PeerLimit {
                    rate: Rate {
                        count: 50,
                        unit: Seconds(
                            1,
                        ),
                        burst: 200,
                    },
                    loopback: false,
                },
            ),
            per_relationship: Some(
                Rate {
                    count: 200,
                    unit: Seconds(
                        1,
                    ),
                    burst: 2000,
                },
            ),
            per_subject: Some(
                Rate {
                    count: 50,
                    unit: Seconds(
                        1,
                    ),
                    burst: 500,
                },
            ),
        },
        revocation: RevocationSection {
            max_stale: Seconds(
                30,
            ),
        },
        log: LogSection {
            format: None,
            level: LogLevel(
                Level(
                    Info,
                ),
            ),
        },
    }
    "#);
    assert_snapshot!(
        refused(""),
        @r#"etc/cambist.toml:1:1: error: `issuer` is missing: write the URL under which this server is reached, such as issuer = "https://sts.example.com""#
    );
}

#[test]
fn every_field_is_read_and_relative_paths_start_at_the_file() {
    let settings = accepted(
        r#"
        issuer = "https://sts.example.com/t1"
        [listen]
        public = "0.0.0.0:8443"
        admin = "[::1]:9091"
        tls = { certificate = "tls.crt", key = { file = "/run/secrets/tls.key" } }
        behind_proxy = ["10.0.0.0/8", "fd00::/8"]
        max_connections = 10
        max_in_flight = 5
        [store]
        url = "sqlite:/var/lib/cambist/cambist.db"
        [trust]
        directory = "../trust"
        [keys]
        rotate_every = "7d"
        encryption_keys = [{ file = "new.key" }, { env = "OLD_KEY" }]
        [decisions]
        file = "-"
        sync = "always"
        node = "sts-1"
        [dpop]
        nonce = "required"
        [log]
        format = "json"
        level = "debug"
        "#,
    );
    assert_eq!(settings.listen.public.address.to_string(), "0.0.0.0:8443");
    let tls = Tls { certificate: "etc/tls.crt".into(), key: "/run/secrets/tls.key".into() };
    assert_eq!(settings.listen.public.tls, Some(tls));
    assert_eq!(settings.listen.public.behind_proxy, ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    assert_eq!((settings.listen.max_connections, settings.listen.max_in_flight), (10, 5));
    assert!(settings.listen.beyond_loopback());
    assert_eq!(settings.store.folder(), Some(Path::new("/var/lib/cambist")));
    assert_eq!(settings.trust.directory, Path::new("etc/../trust"));
    assert_eq!(settings.keys.rotate_every, Seconds(7 * 86_400));
    let keys = EncryptionKeys::Given(vec![Secret::File("etc/new.key".into()), Secret::Env("OLD_KEY".into())]);
    assert_eq!(settings.keys.encryption_keys, keys);
    let decisions = DecisionsSection { destination: Destination::StandardOutput, sync: DecisionSync::Always, node: "sts-1".into() };
    assert_eq!(settings.decisions, decisions);
    assert_eq!(settings.dpop, DpopSection { nonce: DpopNonce::Required });
    assert_eq!(settings.log, LogSection { format: Some(LogFormat::Json), level: LogLevel::parse("debug").unwrap() });
}

#[test]
fn revocations_are_followed_within_bounds() {
    for (written, expected, why) in [
        ("'5s'", Some(5), "the shortest"),
        ("'5m'", Some(300), "the longest"),
        ("'4s'", None, "every hiccup would stop all issuing"),
        ("'301s'", None, "a node that is cut off must stop soon"),
        ("30", None, "no unit"),
    ] {
        let lines = format!("[revocation]\nmax_stale = {written}");
        match expected {
            Some(seconds) => {
                let settings = accepted(&format!("issuer = \"https://sts.example.com\"\n{lines}"));
                assert_eq!(settings.revocation.max_stale, Seconds(seconds), "{why}");
            }
            None => assert!(fault(&lines).contains("revocation.max_stale"), "{why}"),
        }
    }
}

#[test]
fn all_faults_of_a_file_are_reported_in_one_run() {
    let text = r#"
issuer = "http://sts.example.com"
[listen]
public = "localhost:8080"
admni = "127.0.0.1:9090"
[store]
url = "redis://user:hunter2@cache:6379"
[trust]
directory = ""
[keys]
rotate_every = 30
[decisions]
sync = "never"
node = "a b"
[dpop]
nonce = "on"
[log]
level = "verbose"
[extra]
"#;
    assert_snapshot!(refused(text), @r#"
    etc/cambist.toml:2:10: error: issuer: not an issuer URL: `http` is allowed for a loopback host only; write `https`
    etc/cambist.toml:4:10: error: listen.public: expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080
    etc/cambist.toml:5:1: error: listen: unknown field `admni`, expected one of `public`, `admin`, `tls`, `behind_proxy`, `client_certificate_header`, `max_connections`, `max_in_flight`
    etc/cambist.toml:7:7: error: store.url: credentials never stand in the URL of a store: remove everything before the `@`, change the password, and write username = "…" and password = { file = "…" }
    etc/cambist.toml:9:13: error: trust.directory: expected a path; relative ones start at the folder of this file
    etc/cambist.toml:11:16: error: keys.rotate_every: a duration is a whole number with a unit: `90s`, `15m`, `12h`, `30d`
    etc/cambist.toml:13:8: error: decisions.sync: expected "second" or "always"
    etc/cambist.toml:14:8: error: decisions.node: expected a name of 1 to 64 letters, digits, `.`, `_` and `-`, and another one for each server
    etc/cambist.toml:16:9: error: dpop.nonce: expected "off" or "required"
    etc/cambist.toml:18:9: error: log.level: expected "error", "warn", "info", "debug" or "trace"
    etc/cambist.toml:19:2: error: unknown field `extra`, expected one of `issuer`, `listen`, `store`, `trust`, `keys`, `decisions`, `dpop`, `limits`, `revocation`, `log`
    "#);
}

#[test]
fn rotation_has_bounds() {
    for (age, expected) in [("1h", None), ("365d", None), ("59m", Some("every hour")), ("366d", Some("a year")), ("5", Some("unit"))] {
        let lines = format!("[keys]\nrotate_every = '{age}'");
        match expected {
            None => drop(accepted(&format!("issuer = 'https://sts.example.com'\n{lines}"))),
            Some(expected) => assert!(fault(&lines).contains(expected), "{age}"),
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cambist.toml");
    for (content, expected, why) in [
        (None, "cannot be read", "no file"),
        (Some(&b"issuer = \"a\xff\""[..]), "cambist.toml:1:12: error: this is not UTF-8", "no text"),
        (Some(&vec![b'\n'; 1024 * 1024 + 1]), "larger than 1 MiB", "too large"),
        (Some(b"issuer = "), "cambist.toml:1:10: error: not TOML", "no TOML"),
    ] {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let diagnostics = Diagnostics::new();
        assert_eq!(Settings::load(&path, &diagnostics), None);
        assert!(diagnostics.to_string().contains(expected), "{why}: {diagnostics}");
    }
}

#[test]
fn the_annotated_example_says_what_the_defaults_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/cambist.toml");
    let diagnostics = Diagnostics::new();
    let settings = Settings::load(&path, &diagnostics);
    assert_eq!(diagnostics.to_string(), "");
    assert_eq!(settings, Some(Settings::defaults(IssuerUrl::parse("https://sts.example.com").unwrap(), &path)));
}
