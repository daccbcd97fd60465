//! The token endpoint over the whole application: RFC 8693 section 2, and RFC 6749 as far as it applies. `docs/conformance.md` names
//! the row of the checklist that each test stands for.

mod client_authentication;
mod dpop;
mod request_rules;
mod responses;
mod wire_rules;

use crate::support::World;

const TRUST: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "reusable"
token_max_age = "1h"

[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
[target.deploy.scopes]
"deploy:web" = "Deploy the web shop"
"status:read" = "Read the status"
"deploy:all" = "Deploy everything; granted to nobody"

[target.searched]
audience = "https://r.example/?t=1"
owner = "o@example.com"
scopes = { use = "Use it" }

[target.cafe]
audience = "café au lait"
owner = "o@example.com"
scopes = { use = "Use it" }

[target.unreachable]
audience = "https://unreachable.example"
owner = "o@example.com"
scopes = { use = "Granted to nobody" }

[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To see what the token endpoint makes of a request"
review_by = 2099-12-31
when = { sub = "workload-example" }

[[trust.web-shop.grant]]
target = "deploy"
scopes = ["deploy:web", "status:read"]
lifetime = "10m"

[[trust.web-shop.grant]]
target = "searched"
scopes = ["use"]

[[trust.web-shop.grant]]
target = "cafe"
scopes = ["use"]
"#;

/// One workload whose token may be exchanged again and again, so that a test can go through many requests.
async fn world() -> World {
    World::of(TRUST).await
}
