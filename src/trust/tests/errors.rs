//! What administrators are told.

use insta::assert_snapshot;

use super::*;

#[test]
fn all_errors_of_a_run_are_shown_with_their_places() {
    let trust = Trust::of(&[
        (
            "a.toml",
            "[issuer.github]\npreset = \"github\"\n[issuer.github2]\npreset = \"github-actions\"\nowner = \" \"\naudiance = [\"x\"]\n",
        ),
        ("b.toml", "[trust.web]\nissuer = \"gitlab\"\npurpose = 7\n[trust.web.when]\n[[trust.web.grant]]\ntarget = \"x\"\n"),
        ("c.toml", "[target.\"Big One\"]\n"),
    ]);
    assert_snapshot!(trust.report(), @"");
}

#[test]
fn a_broken_file_hides_no_errors_of_others_and_earns_no_false_ones() {
    let trust = Trust::of(&[("a.toml", "[issuer.github\npreset = \"github-actions\"\n"), ("b.toml", &WEB.replace("purpose", "porpoise"))]);
    assert_snapshot!(trust.report(), @"");
}

#[test]
fn an_issuer_is_registered_once_with_bounded_settings() {
    assert_snapshot!(report(r#"
[issuer.self]
url = "https://sts.example.com"
owner = "o"
[issuer.a]
url = "https://*.example.com"
owner = "o"
[issuer.b]
url = "https://b.example"
owner = "o"
algorithms = ["HS256", "none"]
audiences = []
typ = [""]
replay = "twice"
network = "everywhere"
leeway = "6m"
iat_skew = "11s"
token_max_lifetime = "0s"
token_max_age = 60
[issuer.c]
url = "https://b.example"
owner = "o"
[issuer.d]
preset = "kubernetes"
owner = "o"
[issuer.e]
owner = "o"
[issuer.f]
url = "http://localhost:1"
owner = "o"
replay = "reusable"
"#), @"");
}

#[test]
fn audiences_of_others_and_mutable_subjects_are_refused() {
    assert_snapshot!(report(r#"
[issuer.a]
preset = "github-actions"
owner = "o"
audiences = ["https://kubernetes.default.svc.cluster.local", "sts.amazonaws.com", "api://AzureADTokenExchange", "sts.amazonaws.com.example"]
subject = ["repository", "run_id"]
[issuer.b]
preset = "gitlab"
owner = "o"
subject = ["sub", "project_id"]
"#), @"");
}

#[test]
fn keys_come_from_one_place() {
    assert_snapshot!(report(r#"
[issuer.a]
preset = "github-actions"
owner = "o"
jwks_uri = "https://k.example"
jwks_file = "k.json"
discovery_token = { file = "t", path = "u" }
[issuer.b]
preset = "gitlab"
owner = "o"
jwks_file = "k.json"
ca_file = "ca.pem"
[issuer.c]
url = "https://c.example"
owner = "o"
jwks_uri = "http://k.example"
[issuer.d]
url = "https://d.example"
owner = "o"
jwks_uri = "https://u:p@k.example"
discovery_token = "secret"
"#), @"");
}

#[test]
fn a_loopback_issuer_needs_a_server_that_is_on_loopback_too() {
    let trust = Trust::of(&[("t.toml", "[issuer.dev]\nurl = \"http://127.0.0.1:1\"\nowner = \"o\"\nnetwork = \"loopback\"\n")]);
    assert_eq!(trust.report(), "");
    let settings = TrustSettings { loopback_issuers: false, ..trust.settings() };
    let said = load(&settings, NOW).unwrap_err().to_string();
    assert!(said.ends_with("t.toml:4:11: error: issuer.dev.network: an issuer on the loopback network is for one machine: bind every listener to loopback, or remove it"), "{said}");
}

#[test]
fn a_target_has_one_audience_and_describes_its_scopes() {
    assert_snapshot!(report(r#"
[target.a]
audience = "https://a.example"
owner = "o"
max_lifetime = "2h"
algorithm = "HS256"
[target.a.scopes]
"two words" = "x"
read = " "
deploy.web = "x"
[target.b]
audience = "https://a.example"
owner = "o"
scopes = {}
[target.c]
owner = "o"
"#), @"");
}

#[test]
fn names_are_unique_across_files() {
    let trust = Trust::of(&[("a.toml", BASE), ("b.toml", WEB), ("sub/c.toml", BASE), ("sub/d.toml", WEB)]);
    assert_snapshot!(trust.report(), @"");
}

#[test]
fn a_condition_is_written_in_one_way_and_can_hold() {
    let when = r#"
repository_id = ""
"/ref" = "x"
"/a~2" = "x"
ref_protected = true
run_number = 7
ref = { glob = "refs/**" }
head_ref = { glob = "main" }
base_ref = { contains = "x" }
sha = { regex = ".*" }
environment = []
actor = ["a", { glob = "b*" }]
actor_id = 1979-05-27
custom.nested = "x"
kubernetes.io.namespace = "x"
custom_number = inf
"#;
    assert_snapshot!(report_with_base(&WEB.replace("repository_id = \"1\"", when)), @"");
}

#[test]
fn a_dotted_header_inside_when_is_a_dotted_key_too() {
    let text = format!("{WEB}\n[trust.web.when.kubernetes.io]\nnamespace = \"x\"\n");
    assert_snapshot!(report_with_base(&text), @"");
}

#[test]
fn types_of_known_claims_are_those_that_the_platform_sends() {
    let base = BASE.replace("github-actions", "gitlab");
    let when = "project_id = 7\ngroups_direct = \"a/b\"\nrunner_id = \"7\"\njob_config = \"x\"\nref = [\"main\", true]\nenvironment = { contains = \"x\" }";
    let trust = Trust::of(&[("base.toml", &base), ("t.toml", &WEB.replace("repository_id = \"1\"", when))]);
    assert_snapshot!(trust.report(), @"");
}

#[test]
fn the_tenant_is_pinned_by_value() {
    for when in ["ref = \"x\"", "repository_id = { glob = \"1*\" }", "repository = \"a/b\""] {
        let said = report_with_base(&WEB.replace("repository_id = \"1\"", when));
        assert!(said.contains("t.toml:2:8: error: trust.web.when: nothing tells this workload from a stranger's: pin `repository_id` or `repository_owner_id` to a value, or to a list of values"), "{said}");
    }
    for when in ["repository_id = [\"1\", \"2\"]", "repository_owner_id = \"1\""] {
        assert_eq!(report_with_base(&WEB.replace("repository_id = \"1\"", when)), "");
    }
}

#[test]
fn a_grant_is_within_its_target() {
    let grants = r#"
[[trust.web.grant]]
target = "deploy"
scopes = ["read", "admin"]
lifetime = "20m"
[[trust.web.grant]]
target = "deploy"
scopes = []
lifetime = "2h"
[[trust.web.grant]]
target = "other"
scope = ["read"]
"#;
    let text = format!("{}{grants}", WEB.split("[[trust.web.grant]]").next().unwrap());
    assert_snapshot!(report_with_base(&text), @"");
}

#[test]
fn a_relationship_says_who_why_and_until_when() {
    assert_snapshot!(report_with_base("[trust.web]\nreview_by = \"2027-06-30\"\ngrant = []\n[trust.Web]\n[trust.web.claims]\nsub = \"x\"\n\"a-b\" = \"x\"\nok = \"/a~2\"\n"), @"");
}

#[test]
fn a_test_names_things_that_exist() {
    let tests = r#"
[[trust.web.test]]
name = "n"
claims = { ref_protected = true, "/repository_id" = "1", new.claim = "x", custom = "x" }
target = "nowhere"
expect = "maybe"
[[trust.web.test]]
name = "m"
expect = "deny"
failed = ["ref"]
[[trust.web.test]]
expect = "permit"
failed = []
"#;
    assert_snapshot!(report_with_base(&format!("{WEB}{tests}")), @"");
}
