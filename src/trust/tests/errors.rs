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
    assert_snapshot!(trust.report(), @r#"
    a.toml:1:1: error: issuer.github: `owner` is missing: name the team or mailbox that answers for it
    a.toml:2:10: error: issuer.github.preset: there is no preset `github`; there are `github-actions`, `gitlab`, `kubernetes`, `oidc`, `spiffe`
    a.toml:5:9: error: issuer.github2.owner: it is empty: name the team or mailbox that answers for it
    a.toml:6:1: error: issuer.github2: unknown field `audiance` (did you mean `audiences`?), expected one of `preset`, `url`, `trust_domain`, `owner`, `audiences`, `algorithms`, `typ`, `extra_audiences`, `subject`, `discovery_token`, `bundle_endpoint`, `jwks_uri`, `jwks_file`, `ca_file`, `network`, `replay`, `token_max_lifetime`, `token_max_age`, `leeway`, `iat_skew`
    b.toml:1:1: error: trust.web: `review_by` is missing: write the date by which somebody looks at it again: review_by = 2027-06-30
    b.toml:1:1: error: trust.web: `owner` is missing: name the team or mailbox that answers for it
    b.toml:2:10: error: trust.web.issuer: no issuer `gitlab` is registered; there are `github`, `github2`
    b.toml:3:11: error: trust.web.purpose: expected a string in quotes, found an integer
    b.toml:4:1: error: trust.web.when: it is empty: every token of the issuer would do; name the claims that must hold
    b.toml:5:1: error: trust.web.grant[0]: `scopes` is missing: list the scopes of the target that it offers
    b.toml:6:10: error: trust.web.grant.target: no target `x` is registered; there is none
    c.toml:1:1: error: target."Big One": a name is 1 to 64 characters of `a-z`, `0-9` and `-`
    c.toml:1:1: error: target."Big One": `audience` is missing: write the `aud` that the resource server expects
    c.toml:1:1: error: target."Big One": `owner` is missing: name the team or mailbox that answers for it
    c.toml:1:1: error: target."Big One": `scopes` is missing: list what tokens may allow there: [target.NAME.scopes] with "scope" = "what it allows"
    "#);
}

#[test]
fn a_broken_file_hides_no_errors_of_others_and_earns_no_false_ones() {
    let trust = Trust::of(&[("a.toml", "[issuer.github\npreset = \"github-actions\"\n"), ("b.toml", &WEB.replace("purpose", "porpoise"))]);
    assert_snapshot!(trust.report(), @r#"
    a.toml:1:15: error: not TOML: unclosed table, expected `]`
    b.toml:2:1: error: trust.web: `purpose` is missing: say in a sentence what it is for
    b.toml:5:1: error: trust.web: unknown field `porpoise` (did you mean `purpose`?), expected one of `issuer`, `owner`, `purpose`, `review_by`, `when`, `actor`, `grant`, `claims`, `test`
    "#);
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
"#), @r#"
    t.toml:5:16: error: target.a.max_lifetime: 7200s is out of bounds: write a lifetime of 1s to 3600s
    t.toml:6:13: error: target.a.algorithm: tokens are signed with "ES256", "RS256" or "EdDSA"
    t.toml:8:15: error: target.a.scopes."two words": a scope is made of printable ASCII without space, quote and backslash (RFC 6749 section 3.3)
    t.toml:9:8: error: target.a.scopes.read: it is empty: say in a few words what the scope allows
    t.toml:10:1: error: target.a.scopes.deploy: a scope with a dot in its name is written in quotes
    t.toml:12:12: error: target.b.audience: `a`, at t.toml:3:12, has the same audience: merge the two, or choose another
    t.toml:14:10: error: target.b.scopes: it is empty: list at least one "scope" = "what it allows"
    t.toml:15:1: error: target.c: `audience` is missing: write the `aud` that the resource server expects
    t.toml:15:1: error: target.c: `scopes` is missing: list what tokens may allow there: [target.NAME.scopes] with "scope" = "what it allows"
    "#);
}

#[test]
fn names_are_unique_across_files() {
    let trust = Trust::of(&[("a.toml", BASE), ("b.toml", WEB), ("sub/c.toml", BASE), ("sub/d.toml", WEB)]);
    assert_snapshot!(trust.report(), @r"
    sub/c.toml:2:1: error: issuer.github: the name `github` is taken, at a.toml:2:9: names are unique across files; choose another
    sub/c.toml:5:1: error: target.deploy: the name `deploy` is taken, at a.toml:5:9: names are unique across files; choose another
    sub/d.toml:2:1: error: trust.web: the name `web` is taken, at b.toml:2:8: names are unique across files; choose another
    ");
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
    assert_snapshot!(report_with_base(&text), @r#"
    t.toml:10:1: error: trust.web.grant.lifetime: 1200s is longer than 900s, the `max_lifetime` of target `deploy`
    t.toml:12:19: error: trust.web.grant.scopes: target `deploy` has no scope `admin`; there are `read`, `write`
    t.toml:15:10: error: trust.web.grant.target: `deploy` is granted twice: merge the two grants
    t.toml:16:10: error: trust.web.grant[1].scopes: it is empty: list at least one scope of the target
    t.toml:17:12: error: trust.web.grant[1].lifetime: 7200s is out of bounds: write a lifetime of 1s to 3600s
    t.toml:18:1: error: trust.web.grant[2]: `scopes` is missing: list the scopes of the target that it offers
    t.toml:19:10: error: trust.web.grant.target: no target `other` is registered; there are `deploy`
    t.toml:20:1: error: trust.web.grant[2]: unknown field `scope` (did you mean `scopes`?), expected one of `target`, `scopes`, `lifetime`, `cap_to_subject`, `narrow`
    "#);
}

#[test]
fn a_relationship_says_who_why_and_until_when() {
    assert_snapshot!(report_with_base("[trust.web]\nreview_by = \"2027-06-30\"\ngrant = []\n[trust.Web]\n[trust.web.claims]\nsub = \"x\"\n\"a-b\" = \"x\"\nok = \"/a~2\"\n"), @r#"
    t.toml:1:1: error: trust.web: `issuer` is missing: write the name of a registered issuer: issuer = "…"
    t.toml:1:1: error: trust.web: `when` is missing: name the claims that must hold: [trust.NAME.when]
    t.toml:1:1: error: trust.web: `owner` is missing: name the team or mailbox that answers for it
    t.toml:1:1: error: trust.web: `purpose` is missing: say in a sentence what it is for
    t.toml:2:13: error: trust.web.review_by: expected a date without quotes and without a time (2027-06-30), found a string
    t.toml:3:9: error: trust.web.grant: it is empty: a relationship offers at least one grant
    t.toml:4:1: error: trust.Web: a name is 1 to 64 characters of `a-z`, `0-9` and `-`
    t.toml:4:1: error: trust.Web: `issuer` is missing: write the name of a registered issuer: issuer = "…"
    t.toml:4:1: error: trust.Web: `review_by` is missing: write the date by which somebody looks at it again: review_by = 2027-06-30
    t.toml:4:1: error: trust.Web: `when` is missing: name the claims that must hold: [trust.NAME.when]
    t.toml:4:1: error: trust.Web: `grant` is missing: say what it offers: [[trust.NAME.grant]]
    t.toml:4:1: error: trust.Web: `owner` is missing: name the team or mailbox that answers for it
    t.toml:4:1: error: trust.Web: `purpose` is missing: say in a sentence what it is for
    t.toml:6:7: error: trust.web.claims.sub: the name has a registered meaning in tokens, which an outside claim must not take; choose another
    t.toml:7:9: error: trust.web.claims.a-b: the new name of a claim is 1 to 64 characters of `a-z`, `A-Z`, `0-9` and `_`
    t.toml:8:6: error: trust.web.claims.ok: not a claim name or JSON Pointer: in a JSON Pointer `~` is followed by `0` or `1` (RFC 6901 section 3)
    "#);
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
    assert_snapshot!(report_with_base(&format!("{WEB}{tests}")), @r#"
    t.toml:15:53: error: trust.web.test[0].claims."/repository_id": a top-level claim is written by its plain name: repository_id
    t.toml:15:58: error: trust.web.test[0].claims.new: a dotted key does not reach into nested claims: write the JSON Pointer "/new/claim", or quote a name that has dots, "new.claim"
    t.toml:17:10: error: trust.web.test[0].expect: write "permit" or "deny"
    t.toml:21:11: error: trust.web.test.failed: the relationship has no condition on `ref` (conditions on the actor are not named here)
    t.toml:22:1: error: trust.web.test[2]: `name` is missing: say in a sentence what must be so
    t.toml:22:1: error: trust.web.test[2]: `failed` lists the conditions of a denial; remove it, or write expect = "deny"
    "#);
}

#[test]
fn a_claim_is_never_carried_over_under_a_registered_name() {
    for (name, allowed) in [
        ("sub", false),
        ("roles", false),
        ("given_name", false),
        ("verified_claims", false),
        ("eat_nonce", false),
        ("_sd", false),
        ("htu", false),
        ("active", false),
        ("token_type", false),
        ("username", false),
        ("commit", true),
        ("namespace", true),
        ("build_id", true),
    ] {
        let report = report_with_base(&format!("{WEB}[trust.web.claims]\n{name} = \"sha\"\n"));
        assert_eq!((report.is_empty(), report.contains("registered meaning")), (allowed, !allowed), "{name}: {report}");
    }
}
