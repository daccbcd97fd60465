//! What administrators are told about trust domains.

use insta::assert_snapshot;

use super::*;
use crate::domain::{IssuerId, Seconds};
use crate::issuers::KeySource;
use crate::token::{ReplayMode, SubjectRule};

const MESH: &str = r#"
[issuer.mesh]
preset = "spiffe"
trust_domain = "corp.internal"
bundle_endpoint = "https://spire.corp.internal/bundle"
owner = "o"
"#;

const LEDGER: &str = r#"
[trust.ledger]
issuer = "mesh"
owner = "o"
purpose = "The ledger deploys"
review_by = 2027-06-30
[trust.ledger.when]
sub = "spiffe://corp.internal/ns/payments/sa/ledger"
[[trust.ledger.grant]]
target = "deploy"
scopes = ["read"]
"#;

#[test]
fn a_trust_domain_is_registered_by_its_name_and_its_bundle() {
    let trust =
        Trust::of(&[("t.toml", &MESH.replace("bundle_endpoint = \"https://spire.corp.internal/bundle\"", "jwks_file = \"b.json\""))]);
    let [mesh] = trust.load().unwrap().issuers.try_into().unwrap();
    assert_eq!(mesh.keys, KeySource::JwksFile(trust.path("b.json")));
    let [mesh] = Trust::of(&[("t.toml", MESH)]).load().unwrap().issuers.try_into().unwrap();
    assert_eq!(mesh.id.as_str(), "spiffe://corp.internal");
    let KeySource::JwksUri(endpoint) = &mesh.keys else { panic!("{:?}", mesh.keys) };
    assert_eq!(endpoint.as_str(), "https://spire.corp.internal/bundle");
    let (IssuerId::TrustDomain(domain), SubjectRule::SpiffeId(expected)) = (&mesh.id, &mesh.expectations.subject) else {
        panic!("{mesh:?}")
    };
    assert_eq!(domain, expected);
    let expectations = &mesh.expectations;
    assert_eq!((expectations.replay, expectations.max_lifetime, expectations.max_age), (ReplayMode::Reusable, Seconds(3_600), None));
    assert_eq!(expectations.typ, [Box::from("JOSE")]);
    assert!(!expectations.require_issued_at());
}

#[test]
fn what_belongs_to_the_other_kind_of_issuer_is_refused() {
    assert_snapshot!(report(r#"
[issuer.a]
preset = "spiffe"
owner = "o"
url = "https://oidc.acme.example"
jwks_uri = "https://oidc.acme.example/keys"
discovery_token = { file = "t" }
typ = ["at+jwt"]
algorithms = ["ES256", "EdDSA"]
subject = ["repository_id"]
[issuer.b]
preset = "spiffe"
owner = "o"
trust_domain = "spiffe://acme.example"
bundle_endpoint = "bundle"
[issuer.c]
preset = "spiffe"
owner = "o"
trust_domain = "acme.example"
bundle_endpoint = "http://acme.example"
jwks_file = "b.json"
[issuer.d]
preset = "spiffe"
owner = "o"
trust_domain = "acme.example"
bundle_endpoint = "http://acme.example"
[issuer.e]
preset = "spiffe"
owner = "o"
trust_domain = "acme.example"
jwks_file = "b.json"
ca_file = "ca.pem"
[issuer.f]
preset = "oidc"
url = "https://f.example"
owner = "o"
trust_domain = "acme.example"
bundle_endpoint = "https://f.example"
[issuer.g]
owner = "o"
trust_domain = "acme.example"
[issuer.h]
preset = "spiffe"
owner = "o"
trust_domain = "acme.test"
bundle_endpoint = "https://h.example"
subject = ["sub"]
replay = "once"
token_max_age = "5m"
"#), @r#"
    t.toml:2:9: error: issuer.a: `trust_domain` is missing: write what its SPIFFE IDs have between `spiffe://` and the path
    t.toml:5:7: error: issuer.a.url: a JWT-SVID is told by its trust domain, whatever its `iss` says: remove it
    t.toml:6:12: error: issuer.a.jwks_uri: the keys of a trust domain are in its bundle: write `bundle_endpoint`, or `jwks_file`
    t.toml:7:28: error: issuer.a.discovery_token: nothing is discovered here: remove it
    t.toml:8:8: error: issuer.a.typ: the `typ` of a JWT-SVID is `JWT`, `JOSE` or absent (SPIFFE JWT-SVID section 2.3): remove it
    t.toml:9:24: error: issuer.a.algorithms: a JWT-SVID is never signed with `EdDSA` (SPIFFE JWT-SVID section 2.1)
    t.toml:10:12: error: issuer.a.subject: the subject of a JWT-SVID is its SPIFFE ID: remove it
    t.toml:14:16: error: issuer.b.trust_domain: a trust domain is 1 to 255 characters of `a-z`, `0-9`, `.`, `-` and `_`, without `spiffe://`
    t.toml:15:19: error: issuer.b.bundle_endpoint: not an absolute URL
    t.toml:21:13: error: issuer.c.jwks_file: keys come from one place: remove `bundle_endpoint` or `jwks_file`
    t.toml:26:19: error: issuer.d.bundle_endpoint: plain `http` wants network = "loopback"; write an `https` URL
    t.toml:27:9: error: issuer.e: `d`, at t.toml:22:9, has the same `trust_domain`: a token must belong to one issuer; remove one
    t.toml:32:11: error: issuer.e.ca_file: nothing is fetched here: remove it, or `jwks_file`
    t.toml:37:16: error: issuer.f.trust_domain: only an issuer with preset = "spiffe" has one; write the exact `iss` of its tokens as `url`
    t.toml:38:19: error: issuer.f.bundle_endpoint: only an issuer with preset = "spiffe" has one; write `jwks_uri`
    t.toml:39:1: error: issuer.g: `preset`, `url` or both are missing: write preset = "github-actions", or the exact `iss` of its tokens as `url`
    t.toml:41:16: error: issuer.g.trust_domain: only an issuer with preset = "spiffe" has one; write the exact `iss` of its tokens as `url`
    "#);
}

#[test]
fn a_workload_of_a_trust_domain_is_pinned_by_its_whole_spiffe_id() {
    let when = |condition: &str| {
        report_with_base(&format!("{MESH}{}", LEDGER.replace("sub = \"spiffe://corp.internal/ns/payments/sa/ledger\"", condition)))
    };
    assert_eq!(when("sub = \"spiffe://corp.internal/ns/payments/sa/ledger\""), "");
    assert_snapshot!(when("sub = { glob = \"spiffe://corp.internal/ns/payments/sa/*\" }"), @"t.toml:8:8: error: trust.ledger.when: nothing tells this workload from a stranger's: pin `sub` to a value, or to a list of values");
    assert_snapshot!(when("sub = [\"spiffe://corp.internal/a\", \"spiffe://acme.example/a\"]"), @"t.toml:14:7: error: trust.ledger.when.sub: `spiffe://acme.example/a` is no SPIFFE ID of `corp.internal`: write spiffe://corp.internal/…, byte for byte as the workload is registered");
    assert_snapshot!(when("sub = \"spiffe://corp.internal/a/\""), @"t.toml:14:7: error: trust.ledger.when.sub: `spiffe://corp.internal/a/` is no SPIFFE ID of `corp.internal`: write spiffe://corp.internal/…, byte for byte as the workload is registered");
    assert_snapshot!(when("sub = \"/ns/payments/sa/ledger\""), @"t.toml:14:7: error: trust.ledger.when.sub: `/ns/payments/sa/ledger` is no SPIFFE ID of `corp.internal`: write spiffe://corp.internal/…, byte for byte as the workload is registered");
}

#[test]
fn the_example_token_is_of_the_issuers_own_trust_domain() {
    let tests = r#"
[[trust.ledger.test]]
name = "the ledger deploys"
expect = "permit"
[[trust.ledger.test]]
name = "another workload does not"
claims = { sub = "spiffe://corp.internal/ns/payments/sa/other" }
expect = "deny"
failed = ["sub"]
"#;
    let trust = Trust::of(&[("base.toml", BASE), ("t.toml", &format!("{MESH}{LEDGER}{tests}"))]).load().unwrap();
    let diagnostics = Diagnostics::new();
    assert_eq!(trust.run_tests(&diagnostics), 2);
    assert_eq!(diagnostics.to_string(), "");
}
