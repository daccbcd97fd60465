//! What administrators are told about their configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

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
            },
            admin: Listener {
                address: 127.0.0.1:9090,
                tls: None,
                behind_proxy: [],
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
    assert_eq!(settings.log, LogSection { format: Some(LogFormat::Json), level: LogLevel::parse("debug").unwrap() });
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
[log]
level = "verbose"
[extra]
"#;
    assert_snapshot!(refused(text), @r#"
    etc/cambist.toml:2:10: error: issuer: not an issuer URL: `http` is allowed for a loopback host only; write `https`
    etc/cambist.toml:4:10: error: listen.public: expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080
    etc/cambist.toml:5:1: error: listen: unknown field `admni`, expected one of `public`, `admin`, `tls`, `behind_proxy`, `max_connections`, `max_in_flight`
    etc/cambist.toml:7:7: error: store.url: credentials never stand in the URL of a store: remove everything before the `@`, and change the password
    etc/cambist.toml:9:13: error: trust.directory: expected a path; relative ones start at the folder of this file
    etc/cambist.toml:11:16: error: keys.rotate_every: a duration is a whole number with a unit: `90s`, `15m`, `12h`, `30d`
    etc/cambist.toml:13:8: error: decisions.sync: expected "second" or "always"
    etc/cambist.toml:14:8: error: decisions.node: expected a name of 1 to 64 letters, digits, `.`, `_` and `-`, and another one for each server
    etc/cambist.toml:16:9: error: log.level: expected "error", "warn", "info", "debug" or "trace"
    etc/cambist.toml:17:2: error: unknown field `extra`, expected one of `issuer`, `listen`, `store`, `trust`, `keys`, `decisions`, `log`
    "#);
}

#[test]
fn a_listener_that_others_reach_needs_protection() {
    for (lines, why) in [
        ("[listen]\npublic = '0.0.0.0:8080'", "any address"),
        ("[listen]\npublic = '[::]:8080'", "any IPv6 address"),
        ("[listen]\nadmin = '192.0.2.1:9090'", "the admin listener too"),
    ] {
        assert!(fault(lines).contains("plain text"), "{why}");
    }
    for (lines, why) in [
        ("[listen]\npublic = '127.8.9.1:8080'", "all of 127.0.0.0/8 is loopback"),
        ("[listen]\npublic = '[::ffff:127.0.0.1]:8080'", "so is its IPv6 form"),
        ("[listen]\npublic = '0.0.0.0:8080'\nbehind_proxy = ['10.0.0.0/8']", "a proxy in front"),
        ("[listen]\npublic = '0.0.0.0:8080'\ntls = { certificate = 'c', key = { file = 'k' } }", "TLS"),
    ] {
        let settings = accepted(&format!("issuer = 'https://sts.example.com'\n{lines}"));
        assert!(settings.listen.admin.is_loopback() && settings.listen.admin.tls.is_none(), "{why}");
    }
    assert_snapshot!(
        fault("[listen]\npublic = '0.0.0.0:8080'"),
        @r#"etc/cambist.toml:3:10: error: listen.public: 0.0.0.0:8080 is reachable from other machines, and tokens would travel in plain text: add `tls = { certificate = "…", key = { file = "…" } }`, or `behind_proxy = ["<network of the proxy>"]`, or listen on 127.0.0.1"#
    );
}

#[test]
fn a_guard_covers_the_admin_listener_only_beyond_loopback() {
    for (admin, guarded) in [("127.0.0.1:9090", false), ("10.1.2.3:9090", true)] {
        let text = format!("issuer = 'https://sts.example.com'\n[listen]\nadmin = '{admin}'\nbehind_proxy = ['10.0.0.0/8']");
        let listen = accepted(&text).listen;
        assert_eq!((listen.public.behind_proxy.len(), listen.admin.behind_proxy.len()), (1, usize::from(guarded)), "{admin}");
    }
}

#[test]
fn a_faulty_guard_is_one_fault_not_two() {
    assert!(fault("[listen]\npublic = '0.0.0.0:1'\nbehind_proxy = ['10.0.0.1']").contains("prefix length"));
    assert!(fault("[listen]\npublic = '0.0.0.0:1'\ntls = { key = { file = 'k' } }").contains("`certificate` is missing"));
}

#[test]
fn listeners_and_their_limits_make_sense() {
    for (lines, expected, why) in [
        ("public = '127.0.0.1:9090'", "both 127.0.0.1:9090", "one port for both"),
        ("behind_proxy = []", "networks of the proxy", "an empty list protects nothing"),
        ("behind_proxy = ['0.0.0.0/0']", "anybody could forge", "everybody is no proxy"),
        ("behind_proxy = ['10.1.2.3/8']", "write 10.0.0.0/8", "a host is no network"),
        ("max_connections = 0", "1 to 1000000", "nobody could connect"),
        ("max_in_flight = '5'", "1 to 1000000", "a text is no number"),
        ("public = ':8080'", "such as 127.0.0.1:8080", "no address"),
    ] {
        let report = fault(&format!("[listen]\n{lines}"));
        assert!(report.contains(expected), "{why}: {report}");
    }
    let any_port = accepted("issuer = 'https://sts.example.com'\n[listen]\npublic = '127.0.0.1:0'\nadmin = '127.0.0.1:0'");
    assert_eq!(any_port.listen.public.address.port(), 0);
}

#[test]
fn a_plain_issuer_is_for_one_machine() {
    accepted("issuer = 'http://127.0.0.1:8080'");
    let report = refused("issuer = 'http://127.0.0.1:8080'\n[listen]\npublic = '0.0.0.0:8080'\nbehind_proxy = ['10.0.0.0/8']");
    assert!(report.contains("one machine"), "{report}");
}

#[test]
fn a_store_is_a_file_or_a_redis_and_no_password_is_repeated() {
    for (url, expected, why) in [
        ("sqlite:/var/lib/c.db", Ok("/var/lib/c.db"), "absolute"),
        ("sqlite:c.db", Ok("etc/c.db"), "relative to the file"),
        ("sqlite::memory:", Err("forgets"), "memory"),
        ("sqlite://state/c.db", Err("path of a file"), "an authority"),
        ("sqlite:c.db?mode=ro", Err("path of a file"), "options"),
        ("sqlite:state/", Err("path of a file"), "a folder"),
        ("sqlite:", Err("path of a file"), "nothing"),
        ("state/c.db", Err("path of a file"), "no scheme"),
        ("postgres://db/x", Err("path of a file"), "another store"),
        ("rediss://:hunter2@cache:6379", Err("credentials"), "a password"),
        ("postgres://u:hunter2@db/x", Err("credentials"), "a password in any URL"),
    ] {
        let lines = format!("issuer = 'https://sts.example.com'\n[store]\nurl = '{url}'");
        match expected {
            Ok(file) => assert_eq!(accepted(&lines).store.file(), Some(Path::new(file)), "{why}"),
            Err(message) => {
                let report = refused(&lines);
                assert!(report.contains(message) && !report.contains("hunter2"), "{why}: {report}");
            }
        }
    }
    assert!(fault("[store]\npassword = { file = 'p' }").contains("belongs to a Redis store"));
}

#[test]
fn a_secret_is_a_reference_and_never_repeated() {
    for (written, expected, why) in [
        ("'hunter2'", "never stands in this file", "the secret itself"),
        ("{}", "name one of", "nothing"),
        ("{ file = 'f', env = 'E' }", "name one of", "two places"),
        ("{ env = 'A-B' }", "name of an environment variable", "no such name"),
        ("{ path = 'f' }", "unknown field `path`", "a typo"),
    ] {
        let report = refused(&format!("issuer = 'https://sts.example.com'\n[keys]\nencryption_keys = [{written}]"));
        assert!(report.contains(expected) && !report.contains("hunter2"), "{why}: {report}");
    }
    assert!(fault("[keys]\nencryption_keys = []").contains("at least one"));
    assert!(fault("[keys]\nencryption_keys = 'hunter2'").contains("at least one"));
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

fn file_with(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_secret_is_the_content_of_its_file_without_the_final_line_break() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("a\nb\n\n", "a\nb\n")] {
        let secret = Secret::File(file_with(&folder, content.as_bytes(), 0o640));
        assert_eq!(secret.resolve().unwrap().expose_secret(), expected);
    }
}

#[test]
fn a_secret_that_cannot_be_kept_or_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (content, mode, expected, why) in [
        (&b"s3cret"[..], 0o644, "chmod o-rwx", "everybody may read it"),
        (b"s3cret", 0o602, "chmod o-rwx", "everybody may write it"),
        (b"\n", 0o600, "is empty", "nothing in it"),
        (b"s3cret\xff", 0o600, "is not UTF-8 text", "no text"),
        (&vec![b'x'; 64 * 1024 + 1], 0o600, "is larger than 64 KiB", "too large"),
    ] {
        let error = Secret::File(file_with(&folder, content, mode)).resolve().unwrap_err();
        assert!(error.to_string().contains(expected) && !format!("{error:?}").contains("s3cret"), "{why}: {error}");
    }
    let missing = Secret::File(folder.path().join("missing")).resolve().unwrap_err();
    assert!(matches!(missing, SecretError::Unreadable { kind: std::io::ErrorKind::NotFound, .. }));
    let directory = Secret::File(folder.path().into()).resolve().unwrap_err();
    assert!(matches!(directory, SecretError::NotAFile { .. }));
}

#[test]
fn a_secret_may_stand_in_the_environment() {
    // Cargo sets this one for every test.
    assert_eq!(Secret::Env("CARGO_PKG_NAME".into()).resolve().unwrap().expose_secret(), "cambist");
    let missing = Secret::Env("CAMBIST_NO_SUCH_VARIABLE".into()).resolve().unwrap_err();
    assert_eq!(missing.to_string(), "the environment variable CAMBIST_NO_SUCH_VARIABLE is not set, or not text");
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
