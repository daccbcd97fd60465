//! Each preset from a token of its platform to an issued token, with the trust files of `config/`.

use cambist::domain::IssuerUrl;
use cambist::trust::Preset;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, World, verdict};

/// The trust files that we show to everybody, and a relationship for an issuer of no known platform.
fn shown_trust() -> String {
    let files = [
        include_str!("../../config/trust/issuers.toml"),
        include_str!("../../config/trust/targets.toml"),
        include_str!("../../config/trust/web-shop.toml"),
        include_str!("../../config/trust/reports.toml"),
    ];
    let plain = r#"
[issuer.plain]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
[trust.plain]
issuer = "plain"
owner = "o@example.com"
purpose = "An issuer of which nothing is known"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "reports", scopes = ["report:write"] }]
"#;
    format!("{}\n{plain}", files.join("\n"))
}

async fn exchanged(preset: &'static str, url: &str, claims: &[(&str, Value)], audience: &str) -> (World, Answer) {
    let world = World::with_preset(preset, url, &shown_trust()).await;
    let answer = world.ask_with(&world.token_with(claims), &[("audience", audience)]).await;
    (world, answer)
}

const DEPLOY: &str = "https://deploy.example.com";
const REPORTS: &str = "https://reports.example.com";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_github_job_gets_its_token_and_its_subject_is_the_repository_id() {
    let (world, answer) = exchanged("github-actions", GITHUB, &[("ref", json!("refs/heads/release-7"))], DEPLOY).await;
    assert_eq!(verdict(&answer), "200 deploy:web status:read");
    let claims = answer.token_part(1);
    assert_eq!(claims["sub"], "github:repository_id=604417739");
    assert_eq!(claims["client_id"], "web-shop");
    assert_eq!(claims["commit"], "3d1f0a5b9c7e42d8861b0f4e5a29c3d7b6e8f102", "a mapped claim");
    let line = world.recorded(&answer).await;
    assert_eq!(line["claims"]["run_id"], "18220094417", "what the preset finds worth recording");
    assert_eq!(line["claims"]["ref"], "refs/heads/release-7", "what the conditions name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_github_repository_keeps_its_trust_and_its_new_owner_gets_none() {
    let release = ("ref", json!("refs/heads/release-7"));
    let renamed =
        [release.clone(), ("repository", json!("new-owner/new-name")), ("sub", json!("repo:new-owner/new-name:environment:production"))];
    let (_, answer) = exchanged("github-actions", GITHUB, &renamed, DEPLOY).await;
    assert_eq!(answer.token_part(1)["sub"], "github:repository_id=604417739");
    let (_, answer) = exchanged("github-actions", GITHUB, &[release, ("repository_id", json!("1"))], DEPLOY).await;
    assert_eq!(verdict(&answer), "400 invalid_request denied: no_relationship", "the same names, another repository");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_job_gets_its_token_in_the_algorithm_of_the_target() {
    let (_, answer) = exchanged("gitlab", "https://gitlab.com", &[], REPORTS).await;
    assert_eq!(verdict(&answer), "200 report:write");
    assert_eq!(answer.token_part(0)["alg"], "RS256");
    assert_eq!(answer.token_part(1)["sub"], "gitlab:project_id=61730255");
    assert_eq!(answer.json()["expires_in"], 300);
    let (_, fork) = exchanged("gitlab", "https://gitlab.com", &[("job_project_id", json!("7"))], REPORTS).await;
    assert_eq!(verdict(&fork), "400 invalid_request denied: condition_failed (claims job_project_id)");
    let (_, group) = exchanged("gitlab", "https://gitlab.com", &[("groups_direct", json!(["tidewater"]))], REPORTS).await;
    assert_eq!(verdict(&group), "400 invalid_request denied: condition_failed (claims groups_direct)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubernetes_pod_gets_its_token_from_nested_claims() {
    let url = "https://kubernetes.example.com";
    let (world, answer) = exchanged("kubernetes", url, &[], REPORTS).await;
    assert_eq!(answer.token_part(1)["sub"], "cluster:system:serviceaccount:lighthouse:beacon");
    let line = world.recorded(&answer).await;
    assert_eq!(line["claims"]["/kubernetes.io/pod/name"], "beacon-7c5f9d8b64-qk2ml");
    let uid = "/kubernetes.io/serviceaccount/uid";
    let (_, again) = exchanged("kubernetes", url, &[(uid, json!("00000000-0000-4000-8000-000000000000"))], REPORTS).await;
    assert_eq!(verdict(&again), format!("400 invalid_request denied: condition_failed (claims {uid})"), "deleted, and made again");
    let (_, other) = exchanged("kubernetes", url, &[("/kubernetes.io/namespace", json!("kube-system"))], REPORTS).await;
    assert_eq!(verdict(&other), "400 invalid_request denied: no_relationship", "another tenant of the cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_of_any_issuer_gets_its_token_by_its_subject() {
    let (_, answer) = exchanged("oidc", "https://issuer.example", &[], REPORTS).await;
    assert_eq!(answer.token_part(1)["sub"], "plain:workload-example");
    let (_, other) = exchanged("oidc", "https://issuer.example", &[("sub", json!("workload-example-2"))], REPORTS).await;
    assert_eq!(verdict(&other), "400 invalid_request denied: no_relationship");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_kind_of_issuer_may_be_a_file_that_changes() {
    for (preset, identity, pins) in [
        ("github-actions", "", "repository_id = \"604417739\""),
        ("gitlab", "", "project_id = \"61730255\""),
        (
            "kubernetes",
            "url = \"https://kubernetes.example.com\"",
            "\"/kubernetes.io/namespace\" = \"lighthouse\"\n\"/kubernetes.io/serviceaccount/name\" = \"beacon\"",
        ),
        ("oidc", "url = \"https://issuer.example\"", "sub = \"workload-example\""),
        ("spiffe", "trust_domain = \"acme.example\"", "sub = \"spiffe://acme.example/ns/payments/sa/ledger\""),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let trust = format!(
            "{}\n[issuer.static]\npreset = \"{preset}\"\n{identity}\nowner = \"o\"\njwks_file = \"{}\"\n\
             [trust.static]\nissuer = \"static\"\nowner = \"o\"\npurpose = \"p\"\nreview_by = 2099-12-31\n\
             grant = [{{ target = \"reports\", scopes = [\"report:write\"] }}]\n[trust.static.when]\n{pins}\n",
            include_str!("../../config/trust/targets.toml"),
            file.path().display(),
        );
        let app = TestApp::with_trust(&trust).await.unwrap();
        let url = Preset::named(preset).unwrap().url.as_ref().map_or("https://issuer.example", IssuerUrl::as_str);
        let url = if preset == "kubernetes" { "https://kubernetes.example.com" } else { url };
        for run in ["the first key", "the key that replaced it"] {
            let world = World::around(app.clone(), preset, url);
            let keys = if preset == "spiffe" { world.issuer.bundle() } else { world.issuer.key_set() };
            std::fs::write(file.path(), keys.unwrap().to_string()).unwrap();
            let answer = world.ask(&[("audience", REPORTS)]).await;
            assert_eq!(verdict(&answer), "200 report:write", "{preset}: {run}");
        }
        assert_eq!(app.web.fetched(), [""; 0], "{preset}: nothing is fetched");
    }
}
