//! Registered clients.

use insta::assert_snapshot;

use super::*;
use crate::issuers::KeySource;

const CLIENT: &str = "\n[client.deploy-api]\nowner = \"deploy\"\njwks_file = \"keys/deploy-api.jwks\"\n";

#[test]
fn a_client_has_a_name_an_owner_and_keys() {
    let fetched =
        "[client.billing]\nowner = \"b\"\njwks_uri = \"https://billing.example/jwks\"\nnetwork = \"private\"\nca_file = \"ca.pem\"\n";
    let trust = Trust::of(&[("base.toml", BASE), ("team/clients.toml", &format!("{fetched}{CLIENT}"))]);
    let clients = trust.load().unwrap().clients;
    let names: Vec<_> = clients.iter().map(|client| (client.name.as_str(), client.owner.as_str())).collect();
    assert_eq!(names, [("billing", "b"), ("deploy-api", "deploy")]);
    assert_eq!(clients[1].keys, KeySource::JwksFile(trust.path("team/keys/deploy-api.jwks")), "beside the file that names it");
    assert_eq!(clients[0].ca_file, Some(trust.path("team/ca.pem")));
}

#[test]
fn what_is_wrong_with_a_client_is_said_with_its_place() {
    assert_snapshot!(report_with_base(r#"
[client.bare]
[client.two]
owner = "o"
jwks_file = "a.jwks"
jwks_uri = "https://two.example/jwks"
[client.plain]
owner = "o"
jwks_uri = "http://plain.example/jwks"
[client.file]
owner = "o"
jwks_file = "a.jwks"
ca_file = "ca.pem"
discovery_token = { file = "t" }
[client."Big One"]
owner = "o"
jwks_file = "a.jwks"
"#), @r#"
    t.toml:2:1: error: client.bare: `jwks_file` or `jwks_uri` is missing: say where its public keys are
    t.toml:2:1: error: client.bare: `owner` is missing: name the team or mailbox that answers for it
    t.toml:5:13: error: client.two.jwks_file: keys come from one place: remove `jwks_uri` or `jwks_file`
    t.toml:9:12: error: client.plain.jwks_uri: plain `http` wants network = "loopback"; write an `https` URL
    t.toml:13:11: error: client.file.ca_file: nothing is fetched here: remove it, or `jwks_file`
    t.toml:14:1: error: client.file: unknown field `discovery_token`, expected one of `owner`, `jwks_uri`, `jwks_file`, `ca_file`, `network`
    t.toml:15:1: error: client."Big One": a name is 1 to 64 characters of `a-z`, `0-9` and `-`
    "#);
}

#[test]
fn a_client_and_a_relationship_never_share_a_name() {
    let client = CLIENT.replace("deploy-api", "web");
    let trust = Trust::of(&[("a.toml", &client), ("base.toml", BASE), ("web.toml", WEB), ("z.toml", &client)]);
    assert_snapshot!(trust.report(), @"
    a.toml:2:9: error: client.web: a relationship at web.toml:2:8 has the same name, and both are a `client_id`: choose another
    z.toml:2:1: error: client.web: the name `web` is taken, at a.toml:2:9: names are unique across files; choose another
    ");
}

#[test]
fn a_client_on_the_loopback_network_is_for_one_machine() {
    let trust = Trust::of(&[("base.toml", BASE), ("c.toml", &format!("{CLIENT}network = \"loopback\"\n"))]);
    assert!(trust.load().is_ok());
    let settings = TrustSettings { loopback_issuers: false, ..trust.settings() };
    let said = load(&settings, NOW).unwrap_err().to_string();
    assert!(said.contains("client.deploy-api.network: keys on the loopback network are for one machine"), "{said}");
}

#[test]
fn the_version_covers_clients() {
    let version = |text: &str| Trust::of(&[("base.toml", BASE), ("c.toml", text)]).load().unwrap().version;
    let with = version(CLIENT);
    for (other, why) in [
        (String::new(), "without it"),
        (CLIENT.replace("deploy-api]", "deploy-apx]"), "another name"),
        (CLIENT.replace("keys/", "other/"), "another file"),
        (CLIENT.replace("\"deploy\"", "\"somebody\""), "another owner"),
        (format!("{CLIENT}network = \"private\"\n"), "another network"),
    ] {
        assert_ne!(version(&other), with, "{why}");
    }
    assert_eq!(version(&format!("# a comment\n{CLIENT}")), with, "a comment changes nothing");
}

#[test]
fn only_somebody_who_can_authenticate_may_introspect() {
    let base = BASE.replace("owner = \"deploy\"\n", "owner = \"deploy\"\nintrospection = [\"web\", \"deploy-api\", \"web\"]\n");
    let trust = Trust::of(&[("base.toml", &base), ("web.toml", WEB), ("c.toml", CLIENT)]);
    let policy = trust.load().unwrap().policy;
    let target = policy.target("https://deploy.test").unwrap();
    assert_eq!(target.introspection.iter().map(|name| &**name).collect::<Vec<_>>(), ["deploy-api", "web"]);
    let trust = Trust::of(&[("base.toml", &base), ("web.toml", WEB)]);
    assert_snapshot!(trust.report(), @"base.toml:8:25: error: target.deploy.introspection: no relationship and no client `deploy-api` is registered");
}
