//! Trust for tests that are about something else: one issuer, one relationship.

use super::world::DEPLOY;

/// The audience of the second target of [`two_targets`].
pub(crate) const REPORTS: &str = "https://reports.example";

/// One target, and a replay mode of the preset.
pub(crate) const ONE_TARGET: &str = r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
[target.deploy]
audience = "https://deploy.example.com"
owner = "o@example.com"
scopes = { use = "Use it" }
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To have something to exchange for"
review_by = 2099-12-31
when = { sub = "workload-example" }
grant = [{ target = "deploy", scopes = ["use"] }]
"#;

/// Two targets, this replay mode and these grants.
pub(crate) fn two_targets(mode: &str, grant: &str) -> String {
    format!(
        r#"
[issuer.ci]
preset = "oidc"
url = "https://issuer.example"
owner = "o@example.com"
replay = "{mode}"
token_max_age = "1h"
[target.deploy]
audience = "{DEPLOY}"
owner = "o@example.com"
scopes = {{ use = "Use it", mend = "Mend it" }}
[target.reports]
audience = "{REPORTS}"
owner = "o@example.com"
scopes = {{ use = "Use it" }}
[trust.web-shop]
issuer = "ci"
owner = "o@example.com"
purpose = "To see how often a token serves"
review_by = 2099-12-31
when = {{ sub = "workload-example" }}
grant = [{grant}]
"#
    )
}
