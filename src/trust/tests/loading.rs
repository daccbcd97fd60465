//! What becomes of trust that is in order.

use std::os::unix::fs::symlink;

use super::*;
use crate::domain::{ClaimPath, RelationshipName, Seconds};
use crate::issuers::KeySource;
use crate::outbound::Network;
use crate::token::{Algorithm, ReplayMode, SubjectRule};

#[test]
fn every_preset_is_read_without_a_word_and_has_an_example_that_fits_its_claims() {
    assert_eq!(
        Preset::all().iter().map(|preset| preset.name).collect::<Vec<_>>(),
        ["github-actions", "gitlab", "kubernetes", "oidc", "spiffe"]
    );
    for preset in Preset::all() {
        let diagnostics = Diagnostics::new();
        let source = fs::read_to_string(format!("config/presets/{}.toml", preset.name)).unwrap();
        assert!(crate::trust::preset::read(preset.name, &source, &diagnostics).is_some());
        assert_eq!(diagnostics.to_string(), "", "{}", preset.name);
        assert!(preset.example.text("sub").is_some());
        for claim in preset.required.iter().flatten().chain(&preset.subject).chain(&preset.recorded) {
            assert!(preset.example.at(claim).is_some(), "{}: the example lacks {claim}", preset.name);
            assert!(preset.claim(claim).is_some(), "{}: {claim} is not described", preset.name);
        }
        for (name, _) in preset.example.iter() {
            assert!(preset.claim(&ClaimPath::parse(name).unwrap()).is_some(), "{}: {name} is not described", preset.name);
        }
    }
}

#[test]
fn the_example_trust_loads_without_a_word_and_passes_its_own_tests() {
    let trust = load(&settings(Path::new("config/trust")), NOW).unwrap();
    assert_eq!(trust.warnings, []);
    let diagnostics = Diagnostics::new();
    assert_eq!(trust.run_tests(&diagnostics), 8);
    assert_eq!(diagnostics.to_string(), "");
}

#[test]
fn an_issuer_takes_from_its_preset_what_it_does_not_say() {
    let trust = Trust::of(&[("t.toml", BASE)]).load().unwrap();
    let [github] = trust.issuers.as_slice() else { panic!("one issuer") };
    let expected = &github.expectations;
    assert_eq!(github.id.as_str(), "https://token.actions.githubusercontent.com");
    assert_eq!(expected.audiences.iter().map(crate::domain::Audience::as_str).collect::<Vec<_>>(), ["https://sts.example.com"]);
    assert_eq!(expected.algorithms.iter().collect::<Vec<_>>(), [Algorithm::Rs256]);
    assert_eq!((expected.replay, expected.leeway, expected.iat_skew), (ReplayMode::Once, Seconds(60), Seconds(10)));
    assert_eq!((expected.max_lifetime, expected.max_age), (Seconds(900), None));
    assert_eq!(expected.subject, SubjectRule::Claims(vec![ClaimPath::parse("repository_id").unwrap()]));
    assert_eq!((github.network, &github.keys), (Network::Public, &KeySource::Discovery { token_file: None }));
}

#[test]
fn every_field_of_an_issuer_reaches_the_server() {
    let text = r#"
[issuer.corp]
preset = "kubernetes"
url = "http://127.0.0.1:8443/"
owner = "platform"
audiences = ["b", "a"]
algorithms = ["ES256", "Ed25519"]
typ = ["at+jwt"]
extra_audiences = true
subject = ["/kubernetes.io/serviceaccount/uid"]
discovery_token = { file = "reader.token" }
network = "loopback"
ca_file = "/etc/ca.pem"
replay = "once"
token_max_lifetime = "2h"
token_max_age = "30m"
leeway = "5s"
iat_skew = "3s"
"#;
    let trust = Trust::of(&[("sub/t.toml", text)]);
    let loaded = trust.load().unwrap();
    let [corp] = loaded.issuers.as_slice() else { panic!("one issuer") };
    insta::assert_debug_snapshot!(corp.expectations, @r#"
    Expectations {
        issuer: IssuerName(
            "corp",
        ),
        replay: Once,
        audiences: [
            Audience(
                "a",
            ),
            Audience(
                "b",
            ),
        ],
        algorithms: Algorithms(
            [
                Es256,
                EdDsa,
            ],
        ),
        typ: [
            "at+jwt",
        ],
        typ_required: false,
        extra_audiences: true,
        leeway: Seconds(
            5,
        ),
        iat_skew: Seconds(
            3,
        ),
        max_lifetime: Seconds(
            7200,
        ),
        max_age: Some(
            Seconds(
                1800,
            ),
        ),
        subject: Claims(
            [
                ClaimPath {
                    steps: [
                        "kubernetes.io",
                        "serviceaccount",
                        "uid",
                    ],
                    written: "/kubernetes.io/serviceaccount/uid",
                },
            ],
        ),
    }
    "#);
    assert_eq!(corp.id.as_str(), "http://127.0.0.1:8443/");
    assert_eq!(corp.keys, KeySource::Discovery { token_file: Some(trust.path("sub/reader.token")) }, "beside the file that names it");
    assert_eq!((corp.network, corp.ca_file.as_deref()), (Network::Loopback, Some(Path::new("/etc/ca.pem"))));
}

#[test]
fn a_relationship_is_compiled_with_its_defaults_and_refusals() {
    let trust = Trust::of(&[("a.toml", WEB), ("b.toml", BASE)]).load().unwrap();
    let web = trust.policy.relationship(&RelationshipName::parse("web").unwrap()).unwrap();
    let conditions: Vec<_> = web.conditions.iter().map(|c| format!("{} {}", c.claim, c.matcher)).collect();
    assert_eq!(conditions, [r#"event_name none of "pull_request_target", "workflow_run""#, r#"repository_id "1""#]);
    assert_eq!(web.grants[0].lifetime, Seconds(900));
    assert_eq!(web.review_by.to_string(), "2027-06-30T23:59:59Z", "the whole day, in UTC");
    let named = WEB.replace("repository_id = \"1\"", "repository_id = \"1\"\nevent_name = \"workflow_run\"");
    let trust = Trust::of(&[("a.toml", &named), ("b.toml", BASE)]).load().unwrap();
    let web = trust.policy.relationship(&RelationshipName::parse("web").unwrap()).unwrap();
    assert_eq!(web.conditions.len(), 2, "whoever names the claim decides about it");
}

#[test]
fn the_version_follows_the_meaning_and_not_the_files() {
    let version = |files: &[(&str, &str)]| Trust::of(files).load().unwrap().version;
    let first = version(&[("a.toml", BASE), ("b.toml", WEB)]);
    let reordered = WEB.replace("purpose = \"Deploy\"\n", "").replace("owner = \"web\"", "purpose = 'Deploy' # why\nowner = \"web\"");
    for (files, why) in [
        (vec![("one.toml", format!("{WEB}{BASE}"))], "one file"),
        (vec![("x/z.toml", BASE.to_owned()), ("y.toml", reordered)], "other names, order, quotes and comments"),
        (vec![("a.toml", format!("{BASE}{WEB}\n[[trust.web.test]]\nname = 'n'\nexpect = 'permit'"))], "a test decides nothing"),
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(version(&files), first, "{why}");
    }
    for (from, to) in [
        ("repository_id = \"1\"", "repository_id = \"2\""),
        ("repository_id = \"1\"", "repository_id = [\"1\"]"),
        ("repository_id = \"1\"", "repository_id = \"1\"\nref = { glob = \"a*\" }"),
        ("scopes = [\"read\"]", "scopes = [\"write\"]"),
        ("scopes = [\"read\"]", "scopes = [\"read\"]\nlifetime = \"1m\""),
        ("scopes = [\"read\"]", "scopes = [\"read\"]\ncap_to_subject = true"),
        ("purpose = \"Deploy\"", "purpose = \"deploy\""),
        ("owner = \"web\"", "owner = \"Web\""),
        ("2027-06-30", "2027-07-01"),
        ("[trust.web.when]", "[trust.web.claims]\nx = \"sha\"\n[trust.web.when]"),
        ("owner = \"platform\"", "owner = \"platform\"\nleeway = \"1s\""),
        ("owner = \"platform\"", "owner = \"platform\"\nreplay = \"once-per-target\""),
        ("owner = \"platform\"", "owner = \"platform\"\njwks_file = \"k.json\""),
        ("owner = \"deploy\"", "owner = \"deploy\"\nalgorithm = \"RS256\""),
        ("read = \"Read\"", "read = \"Look\""),
    ] {
        let text = format!("{BASE}{WEB}");
        assert!(text.contains(from), "{from}");
        assert_ne!(version(&[("a.toml", &text.replace(from, to))]), first, "{to}");
    }
}

#[test]
fn a_mounted_kubernetes_volume_is_loaded_once() {
    let trust = Trust::of(&[("..2026_11_01/base.toml", BASE), ("..2026_11_01/web.toml", WEB)]);
    symlink("..2026_11_01", trust.path("..data")).unwrap();
    symlink("..data/base.toml", trust.path("base.toml")).unwrap();
    symlink("..data/web.toml", trust.path("web.toml")).unwrap();
    assert_eq!(trust.report(), "");
    symlink("web.toml", trust.path("also-web.toml")).unwrap();
    symlink(".", trust.path("loop")).unwrap();
    assert_eq!(trust.report(), "", "a second name for a file, and a folder inside itself");
}

#[test]
fn what_is_no_trust_file_is_left_alone_and_what_should_be_one_must_be_readable() {
    let trust = Trust::of(&[("base.toml", BASE), (".hidden.toml", "("), ("README.md", "("), (".git/x.toml", "(")]);
    symlink("nowhere", trust.path("broken-link")).unwrap();
    assert_eq!(trust.report(), "");
    fs::write(trust.path("latin.toml"), b"\xe9").unwrap();
    symlink("nowhere", trust.path("gone.toml")).unwrap();
    insta::assert_snapshot!(trust.report(), @r"
    error: gone.toml: cannot be read: No such file or directory (os error 2); check that it is there and that this server may read it
    error: latin.toml: not UTF-8; save it in that encoding
    ");
    let empty = Trust::of(&[("README.md", "")]);
    insta::assert_snapshot!(empty.report(), @"error: DIR: no trust file in it: write at least one *.toml that registers an issuer and a target");
    let missing = Trust::of(&[]);
    fs::remove_dir(missing.0.path()).unwrap();
    insta::assert_snapshot!(missing.report(), @"error: DIR: cannot be read: No such file or directory (os error 2); check that it is there and that this server may read it");
}

#[test]
fn relationships_of_many_files_are_one_policy() {
    let trust = Trust::of(&[("base.toml", BASE)]);
    for file in 0..20 {
        let one = |n: usize| WEB.replace("trust.web", &format!("trust.web-{file}-{n}")).replace("\"1\"", &format!("\"{file}{n:05}\""));
        trust.write(&format!("{file}.toml"), &(0..50).map(one).collect::<String>());
    }
    assert_eq!(trust.load().unwrap().policy.relationships().count(), 1_000);
}
