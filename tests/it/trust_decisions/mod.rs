//! Which relationship decides, what the caller learns, and what the record holds, through HTTP (decisions 2, 4 to 8 and 12).

mod learning;
mod records;
mod selection;

use serde_json::{Value, json};

use crate::support::World;

const GITHUB: &str = "https://token.actions.githubusercontent.com";

const TRUST: &str = r#"
[issuer.github]
preset = "github-actions"
owner = "o@example.com"
replay = "reusable"
token_max_age = "15m"

[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { read = "Read", write = "Write" }

[target.reports]
audience = "https://reports.example.com"
owner = "o@example.com"
scopes = { read = "Read" }

[trust.release]
issuer = "github"
owner = "o@example.com"
purpose = "Release branches deploy"
review_by = 2099-12-31
grant = [{ target = "deploy", scopes = ["read", "write"] }]
[trust.release.when]
repository_id = "604417739"
environment = ["production", "staging"]
ref = { glob = "refs/heads/release-*" }

[trust.main]
issuer = "github"
owner = "o@example.com"
purpose = "The main branch looks"
review_by = 2099-12-31
grant = [{ target = "deploy", scopes = ["read"] }, { target = "reports", scopes = ["read"] }]
[trust.main.when]
repository_id = "604417739"
ref = "refs/heads/main"

[trust.nightly]
issuer = "github"
owner = "o@example.com"
purpose = "Scheduled runs look too"
review_by = 2099-12-31
grant = [{ target = "deploy", scopes = ["read"] }]
[trust.nightly.when]
repository_id = "604417739"
workflow = "nightly"

[trust.forks]
issuer = "github"
owner = "o@example.com"
purpose = "Somebody else, who names the dangerous event"
review_by = 2099-12-31
grant = [{ target = "reports", scopes = ["read"] }]
[trust.forks.when]
repository_id = "777"
event_name = "pull_request_target"
"#;

async fn world() -> World {
    World::with_preset("github-actions", GITHUB, TRUST).await
}

/// The token of a job on this branch, with other claims on top.
fn job(world: &World, branch: &str, claims: &[(&str, Value)]) -> String {
    let mut all = vec![("ref", json!(format!("refs/heads/{branch}")))];
    all.extend(claims.iter().cloned());
    world.token_with(&all)
}
