//! What administrators are told about issuers.

use insta::assert_snapshot;

use super::*;

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
"#), @r#"
    t.toml:2:1: error: issuer.self: `self` is reserved for this server; choose another name
    t.toml:3:7: error: issuer.self.url: that is this server itself: its own tokens are not exchanged again
    t.toml:6:7: error: issuer.a.url: an issuer is one exact URL, never a pattern: register each issuer under a name of its own
    t.toml:11:15: error: issuer.b.algorithms[0]: `HS256` is no asymmetric algorithm; there are `ES256`, `ES384`, `EdDSA`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`
    t.toml:11:24: error: issuer.b.algorithms[1]: `none` is no asymmetric algorithm; there are `ES256`, `ES384`, `EdDSA`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`
    t.toml:12:13: error: issuer.b.audiences: it is empty: list what is accepted, or leave it out for the default
    t.toml:13:8: error: issuer.b.typ[0]: write the exact `typ`, such as "at+jwt"
    t.toml:14:10: error: issuer.b.replay: write "once", "once-per-target" or "reusable"
    t.toml:15:11: error: issuer.b.network: write "public", "private" or "loopback"
    t.toml:16:10: error: issuer.b.leeway: 360s is too long: write at most 300s
    t.toml:17:12: error: issuer.b.iat_skew: 11s is too long: write at most 10s
    t.toml:18:22: error: issuer.b.token_max_lifetime: a duration of zero accepts nothing
    t.toml:19:17: error: issuer.b.token_max_age: expected a duration with a unit, in quotes ("90s", "15m", "12h", "30d"), found an integer
    t.toml:20:9: error: issuer.c: `b`, at t.toml:8:9, has the same `url`: a token must belong to one issuer; remove one
    t.toml:23:9: error: issuer.d: `url` is missing: the preset `kubernetes` has none; write the exact `iss` of its tokens
    t.toml:26:1: error: issuer.e: `preset`, `url` or both are missing: write preset = "github-actions", or the exact `iss` of its tokens as `url`
    t.toml:29:7: error: issuer.f.url: plain `http` wants network = "loopback"
    t.toml:31:10: error: issuer.f.replay: a reusable token is bounded by its age: write `token_max_age`, such as "1h"
    "#);
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
"#), @r#"
    t.toml:5:14: error: issuer.a.audiences: `https://kubernetes.default.svc.cluster.local` is the audience of a Kubernetes API server: who can read such a token here can use it there; have workloads ask for `https://sts.example.com`
    t.toml:5:62: error: issuer.a.audiences: `sts.amazonaws.com` is the audience of AWS: who can read such a token here can use it there; have workloads ask for `https://sts.example.com`
    t.toml:5:83: error: issuer.a.audiences: `api://AzureADTokenExchange` is the audience of Microsoft Entra: who can read such a token here can use it there; have workloads ask for `https://sts.example.com`
    t.toml:6:12: error: issuer.a.subject: `repository` may belong to another one day; use an immutable id, such as `repository_id`
    t.toml:6:26: error: issuer.a.subject: `run_id` may belong to another one day; use an immutable id, such as `sub`
    t.toml:10:12: error: issuer.b.subject: `sub` names the subject alone; write ["sub"], or ids without it
    "#);
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
"#), @r#"
    t.toml:6:13: error: issuer.a.jwks_file: keys come from one place: remove `jwks_uri` or `jwks_file`
    t.toml:7:28: error: issuer.a.discovery_token: nothing is discovered here: remove it, or `jwks_uri` and `jwks_file`
    t.toml:7:33: error: issuer.a.discovery_token: unknown field `path`, expected one of `file`
    t.toml:12:11: error: issuer.b.ca_file: nothing is fetched here: remove it, or `jwks_file`
    t.toml:16:12: error: issuer.c.jwks_uri: plain `http` wants network = "loopback"; write an `https` URL
    t.toml:20:12: error: issuer.d.jwks_uri: a URL with credentials is refused: whoever reads this file could use them
    t.toml:21:19: error: issuer.d.discovery_token: expected a table, found a string
    "#);
}

#[test]
fn a_loopback_issuer_needs_a_server_that_is_on_loopback_too() {
    let trust = Trust::of(&[("t.toml", "[issuer.dev]\nurl = \"http://127.0.0.1:1\"\nowner = \"o\"\nnetwork = \"loopback\"\n")]);
    assert_eq!(trust.report(), "");
    let settings = TrustSettings { loopback_issuers: false, ..trust.settings() };
    let said = load(&settings, NOW).unwrap_err().to_string();
    assert!(said.ends_with("t.toml:4:11: error: issuer.dev.network: an issuer on the loopback network is for one machine: bind every listener to loopback, or remove it"), "{said}");
}
