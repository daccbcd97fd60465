//! What administrators are told about conditions.

use insta::assert_snapshot;

use super::*;

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
    assert_snapshot!(report_with_base(&WEB.replace("repository_id = \"1\"", when)), @r#"
    t.toml:9:17: error: trust.web.when.repository_id: an empty string matches no claim: leave the condition out, or write the value that must be there
    t.toml:10:10: error: trust.web.when."/ref": a top-level claim is written by its plain name: ref
    t.toml:11:10: error: trust.web.when."/a~2": not a claim name or JSON Pointer: in a JSON Pointer `~` is followed by `0` or `1` (RFC 6901 section 3)
    t.toml:12:17: error: trust.web.when.ref_protected: `ref_protected` is a string in the tokens of `github-actions`: write "true"
    t.toml:13:14: error: trust.web.when.run_number: `run_number` is a string in the tokens of `github-actions`: write "7"
    t.toml:14:16: error: trust.web.when.ref.glob: `**` does not exist: `*` never crosses `/` or `:`
    t.toml:15:21: error: trust.web.when.head_ref.glob: a glob without `*` is a plain value: write the string itself
    t.toml:16:12: error: trust.web.when.base_ref: `base_ref` is a string in the tokens of `github-actions`: `contains` is for arrays: write "x"
    t.toml:17:7: error: trust.web.when.sha: write either { glob = "…" } or { contains = "…" }
    t.toml:17:9: error: trust.web.when.sha: unknown field `regex`, expected one of `glob`, `contains`
    t.toml:18:15: error: trust.web.when.environment: an empty list matches nothing: list the values of which one must hold
    t.toml:19:15: error: trust.web.when.actor[1]: expected a string, a boolean or a number, found a table
    t.toml:20:12: error: trust.web.when.actor_id: expected a string, a boolean or a number, found a date or time
    t.toml:21:1: error: trust.web.when.custom: a dotted key does not reach into nested claims: write the JSON Pointer "/custom/nested", or quote a name that has dots, "custom.nested"
    t.toml:22:1: error: trust.web.when.kubernetes: a dotted key does not reach into nested claims: write the JSON Pointer "/kubernetes.io/namespace", or quote a name that has dots, "kubernetes.io.namespace"
    t.toml:23:17: error: trust.web.when.custom_number: no token holds such a number
    "#);
}

#[test]
fn a_dotted_header_inside_when_is_a_dotted_key_too() {
    let text = format!("{WEB}\n[trust.web.when.kubernetes.io]\nnamespace = \"x\"\n");
    assert_snapshot!(report_with_base(&text), @r#"t.toml:13:17: error: trust.web.when.kubernetes: a dotted key does not reach into nested claims: write the JSON Pointer "/kubernetes/io", or quote a name that has dots, "kubernetes.io""#);
}

#[test]
fn types_of_known_claims_are_those_that_the_platform_sends() {
    let base = BASE.replace("github-actions", "gitlab");
    let when = "project_id = 7\ngroups_direct = \"a/b\"\nrunner_id = \"7\"\njob_config = \"x\"\nref = [\"main\", true]\nenvironment = { contains = \"x\" }";
    let trust = Trust::of(&[("base.toml", &base), ("t.toml", &WEB.replace("repository_id = \"1\"", when))]);
    assert_snapshot!(trust.report(), @r#"
    t.toml:8:14: error: trust.web.when.project_id: `project_id` is a string in the tokens of `gitlab`: write "7"
    t.toml:9:17: error: trust.web.when.groups_direct: `groups_direct` is an array in the tokens of `gitlab`: write { contains = "a/b" }
    t.toml:10:13: error: trust.web.when.runner_id: `runner_id` is a number in the tokens of `gitlab`: write 7, without quotes
    t.toml:11:14: error: trust.web.when.job_config: `job_config` is an object in the tokens of `gitlab`: write a JSON Pointer to the member that is meant
    t.toml:12:7: error: trust.web.when.ref: `ref` is a string in the tokens of `gitlab`: write "true"
    t.toml:13:15: error: trust.web.when.environment: `environment` is a string in the tokens of `gitlab`: `contains` is for arrays: write "x"
    "#);
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
